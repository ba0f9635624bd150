import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { type Gpu, type NvidiaSmiDocument, parseNvidiaSmi, type Reading } from './index.ts';

/** Outputs of real drivers, 384 to 595; they are not part of the project. */
const root = join(import.meta.dirname, '..', '..');
const folder = join(process.env.AIDC_DATA ?? join(root, '..', 'shared', 'data'), 'nvidia-smi');
const isMissing = !existsSync(folder);
if (isMissing) console.warn(`skipped: there is no folder ${folder}; set AIDC_DATA to where the captures are`);

/** One row a GPU: `-` is absent, `N/A` unsupported. Read off the files by hand and by another XML parser. */
const [header = '', ...lines] = readFileSync(join(import.meta.dirname, 'testing', 'captures.tsv'), 'utf8')
  .trimEnd()
  .split('\n');
const rows = lines.map((line) => line.split('\t'));

function cell<T>(reading: Reading<T>, show: (value: T) => string | number = String): string {
  if (reading.state === 'value') return String(show(reading.value));
  return reading.state === 'absent' ? '-' : reading.text;
}
const yesNo = (is: boolean): string => (is ? 'yes' : 'no');
const percent = (ratio: number): number => Math.round(ratio * 100);
const mebibytes = (bytes: number): number => bytes / 1_048_576;
const megahertz = (hertz: number): number => hertz / 1e6;

function row(file: string, document: NvidiaSmiDocument, gpu: Gpu): string[] {
  const { power, memory, temperature, utilization, ecc, remappedRows } = gpu;
  return [
    file,
    document.dtd ?? '-',
    cell(document.driverVersion),
    cell(document.cudaVersion),
    cell(document.attachedGpus),
    String(gpu.index),
    cell(gpu.productName),
    cell(gpu.uuid),
    cell(gpu.minorNumber),
    cell(gpu.busId),
    cell(power.board.watts),
    power.board.source ?? '-',
    cell(power.limits.enforcedWatts),
    cell(power.limits.maxWatts),
    cell(power.memory.watts),
    cell(power.module.watts),
    cell(utilization.gpuRatio, percent),
    cell(utilization.memoryRatio, percent),
    cell(gpu.fanRatio, percent),
    cell(memory.totalBytes, mebibytes),
    cell(memory.reservedBytes, mebibytes),
    cell(memory.usedBytes, mebibytes),
    cell(memory.freeBytes, mebibytes),
    cell(temperature.coreCelsius),
    cell(temperature.memoryCelsius),
    cell(temperature.tlimitCelsius),
    cell(temperature.thresholds.shutdownCelsius),
    cell(temperature.tlimitThresholds.shutdownCelsius),
    cell(gpu.clocks.smHertz, megahertz),
    cell(gpu.clocks.memoryHertz, megahertz),
    cell(gpu.performanceState),
    cell(gpu.mig.enabled, yesNo),
    cell(gpu.mig.devices, (devices) => devices.length),
    cell(ecc.enabled, yesNo),
    cell(ecc.volatile.dramUncorrectable),
    cell(ecc.aggregate.dramUncorrectable),
    cell(ecc.aggregate.sramUncorrectable),
    cell(remappedRows.uncorrectableCount),
    cell(remappedRows.failure, yesNo),
    cell(gpu.recoveryAction),
    cell(gpu.clocksEventSeconds.swPowerCap, (seconds) => Math.round(seconds * 1e6)),
    cell(gpu.clocksEventActive.gpuIdle, yesNo),
    cell(gpu.fabric.health),
    cell(gpu.processes, (list) =>
      list.length === 0
        ? 'none'
        : list.map((one) => `${cell(one.pid)}:${cell(one.type)}:${cell(one.usedMemoryBytes, mebibytes)}`).join(' '),
    ),
  ];
}

describe.skipIf(isMissing)('captures of real drivers', () => {
  const files = isMissing ? [] : readdirSync(folder).filter((file) => file.endsWith('.xml'));
  const textOf = (file: string): string => readFileSync(join(folder, file), 'latin1');

  it('are all in the table', () => {
    expect(files.map((file) => file.replace('.xml', '')).sort()).toEqual([...new Set(rows.map(([name]) => name))]);
  });

  describe.each(files)('%s', (file) => {
    const name = file.replace('.xml', '');
    const document = parseNvidiaSmi(readFileSync(join(folder, file)));

    it('reads as the table says', () => {
      const named = (cells: readonly string[]) =>
        Object.fromEntries(header.split('\t').map((column, at) => [column, cells[at]]));
      const expected = rows.filter(([of]) => of === name);
      expect(document.gpus.map((gpu) => named(row(name, document, gpu)))).toEqual(expected.map(named));
    });

    it('holds nothing that is not understood, and no failure', () => {
      expect(document.unknownValues).toEqual([]);
      expect(document.gpus.flatMap((gpu) => gpu.failures)).toEqual([]);
    });

    it('reads the same with other line ends, other white space and reordered siblings', () => {
      const text = textOf(file);
      expect(parseNvidiaSmi(text.replaceAll('\n', '\r\n'))).toEqual(document);
      expect(parseNvidiaSmi(text.replaceAll(/^\s+/gm, '\t \t'))).toEqual(document);
      expect(parseNvidiaSmi(text.replaceAll(/>\s+</g, '><'))).toEqual(document);
      expect(parseNvidiaSmi(withSiblingsReversed(text))).toEqual(document);
    });

    it('is refused wherever it is cut off', () => {
      const text = textOf(file).trimEnd();
      for (let end = 0; end < text.length; end += Math.ceil(text.length / 50)) {
        expect(() => parseNvidiaSmi(text.slice(0, end))).toThrow(/truncated|not a document/);
      }
      expect(() => parseNvidiaSmi(text.slice(0, -1))).toThrow('truncated');
    });
  });
});

type Ordered = Record<string, unknown>;

/** The document with the children of every element in reverse, but those of one name in their order. */
function withSiblingsReversed(text: string): string {
  const options = { preserveOrder: true, ignoreAttributes: false, parseTagValue: false } as const;
  const nameOf = (node: Ordered): string => Object.keys(node).find((key) => key !== ':@') ?? '';
  const reversed = (nodes: Ordered[]): Ordered[] => {
    const byName = Map.groupBy(nodes, nameOf);
    return [...byName.entries()].reverse().flatMap(([name, group]) =>
      group.map((node) => {
        const children = node[name];
        return Array.isArray(children) ? { ...node, [name]: reversed(children) } : node;
      }),
    );
  };
  const start = text.indexOf('<nvidia_smi_log>');
  const tree = new XMLParser(options).parse(text.slice(start)) as Ordered[];
  return text.slice(0, start) + new XMLBuilder(options).build(reversed(tree));
}
