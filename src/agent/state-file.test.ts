import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';
import { type AgentState, loadState, newSeries, StateFileError, saveState } from './state-file.ts';

describe('the state file', () => {
  let folder = '';
  let file = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'state-'));
    file = join(folder, 'state.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const someState = (): AgentState => {
    const ledger = new Ledger();
    const pod = { uid: 'u', namespace: 'ns', name: 'x' };
    ledger.setHolders(0, new Map([['GPU-a', [{ pod, share: 1 }]]]));
    for (const atMs of [0, 5_000, 2_000_000]) {
      ledger.read({ atMs, wallMs: atMs, maxGapMs: 15_000, watts: new Map([['GPU-a', 100]]) });
    }
    return { series: newSeries(), bootId: 'boot', ledger: ledger.state };
  };

  it('keeps all of it', async () => {
    expect(await loadState(file)).toBeUndefined();
    const state = someState();
    await saveState(file, state);
    expect(await loadState(file)).toEqual(state);
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  it('puts aside what is damaged, so that it is never counted on', async () => {
    const text = JSON.stringify({ version: 1, ...someState() });
    for (const damaged of ['', text.slice(0, -9), text.replace('"joules":500', '"joules":-500'), '{"version":2}']) {
      writeFileSync(file, damaged);
      await expect(loadState(file)).rejects.toThrow(StateFileError);
      expect(readdirSync(folder)).toEqual(['state.json.damaged']);
    }
  });
});
