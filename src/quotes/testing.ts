import { type ComputeQuote, computeQuoteSpec, type Dataset, datasetSpec } from '../api/index.ts';

/** Objects as the API server would store them, from what a test cares about. */
export function aQuote(spec: object = {}, over: Partial<ComputeQuote> = {}): ComputeQuote {
  const { metadata, ...rest } = over;
  return {
    apiVersion: 'aidc.dev/v1alpha1',
    kind: 'ComputeQuote',
    metadata: {
      name: 'ask',
      namespace: 'ns',
      uid: 'uid-ask',
      resourceVersion: '10',
      generation: 1,
      ...metadata,
    },
    spec: computeQuoteSpec.parse({
      numNodes: 2,
      accelerators: [{ type: 'H100', countPerNode: 8 }],
      resourcesPerNode: { limits: { cpu: '8', memory: '64Gi' } },
      runtimeSeconds: 7200,
      ...spec,
    }),
    ...rest,
  };
}

export const aDataset = (regions: readonly string[], jurisdictions: readonly string[] = []): Dataset => ({
  metadata: { name: 'corpus', namespace: 'ns', uid: 'uid-corpus', resourceVersion: '1', generation: 1 },
  spec: datasetSpec.parse({
    locations: regions.map((region) => ({ region, uri: `s3://${region}/corpus` })),
    residency: { jurisdictions },
  }),
});
