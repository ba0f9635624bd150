import { describe, expect, it } from 'vitest';
import {
  apiVersionOf,
  isOlderVersion,
  JOBS,
  NODES,
  objectKey,
  PODS,
  resourceName,
  resourcePath,
  splitKey,
} from './resource.ts';

it('makes paths of collections, objects and subresources', () => {
  expect(resourcePath(PODS)).toBe('/api/v1/pods');
  expect(resourcePath(PODS, { namespace: 'a', name: 'b', subresource: 'status' })).toBe(
    '/api/v1/namespaces/a/pods/b/status',
  );
  expect(resourcePath(NODES, { name: 'n/1' })).toBe('/api/v1/nodes/n%2F1');
  expect(resourcePath(JOBS, { namespace: 'a' })).toBe('/apis/batch/v1/namespaces/a/jobs');
  expect(() => resourcePath(NODES, { namespace: 'a' })).toThrow(/cluster-scoped/);
  expect(() => resourcePath(PODS, { name: 'b' })).toThrow(/needs a namespace/);
});

it('names resources and objects', () => {
  expect([apiVersionOf(JOBS), apiVersionOf(PODS)]).toEqual(['batch/v1', 'v1']);
  expect([resourceName(JOBS), resourceName(PODS)]).toEqual(['jobs.batch', 'pods']);
  expect(objectKey({ metadata: { namespace: 'a', name: 'b' } })).toBe('a/b');
  expect([splitKey('a/b'), splitKey('b')]).toEqual([{ namespace: 'a', name: 'b' }, { name: 'b' }]);
});

describe('isOlderVersion', () => {
  it.each([
    ['9', '10', true],
    ['10', '9', false],
    ['10', '10', false],
    ['99999999999999999998', '99999999999999999999', true],
    ['a', '10', false],
    ['9', undefined, false],
  ])('%s than %s: %s', (a, b, older) => {
    expect(isOlderVersion(a, b)).toBe(older);
  });
});
