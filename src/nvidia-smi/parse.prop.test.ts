import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NvidiaSmiError, parseNvidiaSmi } from './index.ts';
import { documentOf, type Tree, UUID } from './testing/build.ts';

const quantity = (unit: string, places = 0) =>
  fc.tuple(fc.nat(99_999), fc.nat(99)).map(([whole, part]) => `${whole}${places > 0 ? `.${part}` : ''}${unit}`);
const noValue = fc.constantFrom(
  'N/A',
  '[N/A]',
  'Not Supported',
  'Requested functionality has been deprecated',
  'GPU is lost',
  'Unknown Error',
  'None',
  '',
);
const or = (body: fc.Arbitrary<string>) => fc.oneof({ weight: 3, arbitrary: body }, { weight: 1, arbitrary: noValue });
const some = (tree: Record<string, fc.Arbitrary<unknown>>) => fc.record(tree, { requiredKeys: [] });

const memory = some({ total: or(quantity(' MiB')), used: or(quantity(' MiB')), free: or(quantity(' MiB')) });
const draws = some({
  average_power_draw: or(quantity(' W', 2)),
  instant_power_draw: or(quantity(' W', 2)),
  power_draw: or(quantity(' W', 2)),
  current_power_limit: or(quantity(' W', 2)),
  enforced_power_limit: or(quantity(' W', 2)),
});
const gpu = some({
  uuid: fc.constant(UUID),
  minor_number: or(quantity('')),
  product_name: or(fc.constantFrom('NVIDIA H100 80GB HBM3', 'Tesla T4')),
  mig_mode: some({ current_mig: or(fc.constantFrom('Enabled', 'Disabled')) }),
  mig_devices: fc.oneof(
    noValue,
    fc.record({
      mig_device: fc.array(some({ index: or(quantity('')), fb_memory_usage: memory }), { minLength: 1, maxLength: 3 }),
    }),
  ),
  fb_memory_usage: fc.oneof(memory, noValue),
  utilization: some({ gpu_util: or(quantity(' %')), memory_util: or(quantity(' %')) }),
  gpu_power_readings: fc.oneof(draws, noValue),
  power_readings: draws,
  module_power_readings: draws,
  temperature: some({ gpu_temp: or(quantity(' C')), gpu_temp_max_tlimit_threshold: or(fc.constant('-5 C')) }),
  clocks: some({ sm_clock: or(quantity(' MHz')), mem_clock: or(quantity(' MHz')) }),
  remapped_rows: fc.oneof(noValue, some({ remapped_row_failure: or(fc.constantFrom('Yes', 'No')) })),
  gpu_recovery_action: or(fc.constantFrom('Reset', 'Reboot')),
  supported_clocks: fc.constantFrom('N/A', '<supported_mem_clock><value>1 MHz</value>', ''),
  processes: fc.oneof(
    noValue,
    fc.record({ process_info: fc.array(some({ pid: quantity(''), process_name: fc.string() }), { minLength: 1 }) }),
  ),
});
const root = fc
  .record({
    driver_version: fc.constant('580.105.08'),
    attached_gpus: quantity(''),
    gpu: fc.array(gpu, { minLength: 1, maxLength: 3 }),
  })
  .map((tree) => tree as unknown as Tree);

/** Undefined where it is refused; anything but a refusal is thrown on. */
function parsed(input: string | Uint8Array) {
  try {
    return parseNvidiaSmi(input);
  } catch (error) {
    if (error instanceof NvidiaSmiError) return undefined;
    throw error;
  }
}

/** Every number somewhere in it. */
function numbersOf(tree: unknown): number[] {
  if (typeof tree === 'number') return [tree];
  return typeof tree === 'object' && tree !== null ? Object.values(tree).flatMap(numbersOf) : [];
}

describe('any document', () => {
  it('reads the same with other line ends, indents, padding and order of siblings', () => {
    fc.assert(
      fc.property(
        root,
        fc.constantFrom('\n', '\r\n', ''),
        fc.constantFrom('', '\t', '    ', ' \t '),
        fc.constantFrom('', ' ', '\t', '\r\n\t'),
        fc.array(fc.nat()),
        (tree, eol, indent, pad, shuffle) => {
          const order = (names: string[]): string[] =>
            names
              .map((name, at) => ({ name, key: shuffle[at] ?? 0 }))
              .sort((a, b) => a.key - b.key)
              .map(({ name }) => name);
          const other = documentOf(tree, { eol, indent, pad, order });
          expect(parseNvidiaSmi(other)).toEqual(parseNvidiaSmi(documentOf(tree)));
        },
      ),
    );
  });

  it('is refused when it is cut off, and never read as one with fewer boards', () => {
    fc.assert(
      fc.property(root, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (tree, share) => {
        const text = documentOf(tree).trimEnd();
        const cut = text.slice(0, Math.floor(text.length * share));
        expect(() => parseNvidiaSmi(cut)).toThrow(NvidiaSmiError);
      }),
    );
  });

  it('is refused, or warns, or tells every board, when a part of it is missing', () => {
    fc.assert(
      fc.property(root, fc.nat(), fc.nat(400), (tree, from, length) => {
        const boards = (tree.gpu as readonly Tree[]).length;
        const text = documentOf({ ...tree, attached_gpus: String(boards) });
        const at = from % text.length;
        const document = parsed(text.slice(0, at) + text.slice(at + length));
        if (document === undefined || document.warnings.length > 0) return;
        // A hole that takes away whole elements leaves no trace but that the driver's own count may be among them.
        if (document.attachedGpus.state === 'value') expect(document.gpus).toHaveLength(document.attachedGpus.value);
      }),
    );
  });

  it('holds finite numbers only, and none where a text stands that is no number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+.eE\d]{1,40} (C|W|MiB|%)$/)), (body) => {
        const text = body.replaceAll(/[<&]/g, '');
        const tree = { temperature: { gpu_temp: text }, fan_speed: text, clocks: { sm_clock: text } };
        const document = parseNvidiaSmi(documentOf({ attached_gpus: '1', gpu: tree }));
        expect(numbersOf(document).filter((number) => !Number.isFinite(number))).toEqual([]);
        const { coreCelsius } = document.gpus[0]?.temperature ?? {};
        if (coreCelsius?.state === 'value') expect(text).toMatch(/^\s*-?\d+(\.\d+)?\s+C\s*$/);
      }),
    );
  });
});

describe('any input', () => {
  it('is a document or refused, never anything else', () => {
    const pieces = fc.constantFrom(
      '<nvidia_smi_log>',
      '</nvidia_smi_log>',
      '<gpu>',
      '</gpu>',
      '<gpu id="1"/>',
      '<supported_clocks>',
      '</supported_clocks>',
      '<processes>',
      '</processes>',
      '<process_name>',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '<?xml ?>',
      '&amp;',
      '&#x41;',
      '<__proto__>',
      '</__proto__>',
      'N/A',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
        parsed(parts.join(''));
        parsed(`<nvidia_smi_log>${parts.join('')}</nvidia_smi_log>`);
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parsed(bytes)));
  });
});
