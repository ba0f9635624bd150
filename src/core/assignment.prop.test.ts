import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignmentSummary, decodeAssignment, encodeAssignment } from './assignment.ts';

const anyName = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
const numbered = fc
  .tuple(
    fc.constantFrom('gpu-', 'n', 'rack2-node', 'a.b-', ''),
    fc.nat(120),
    fc.constantFrom(0, 2, 4, 17),
    fc.constantFrom('', '.x1', '-9'),
  )
  .map(([prefix, number, width, suffix]) => `${prefix}${String(number).padStart(width, '0')}${suffix}`);
const row = fc
  .tuple(numbered, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3 }))
  .map(([name, count, pods]) => {
    const [, before = '', digits = '', after = ''] = /^(.*?)(\d+)(\D*\d?)$/.exec(name) ?? [];
    return Array.from(
      { length: count },
      (_, i) => `${before}${String(Number(digits) + i).padStart(digits.length, '0')}${after}`,
    ).flatMap((node) => Array.from({ length: pods }, () => node));
  });
const nodes = fc
  .array(fc.oneof(row, fc.array(anyName, { maxLength: 5 }), fc.array(numbered, { maxLength: 5 })), { maxLength: 6 })
  .map((parts) => parts.flat());

describe('assignments of any nodes', () => {
  it('decode to what was encoded, in the same order', () => {
    fc.assert(
      fc.property(nodes, (list) => {
        expect(decodeAssignment(encodeAssignment(list))).toEqual(list);
      }),
      { numRuns: 2000 },
    );
  });

  it('are summed up as if they had been decoded', () => {
    fc.assert(
      fc.property(nodes, (list) => {
        const distinct = [...new Set(list)];
        expect(assignmentSummary(encodeAssignment(list))).toEqual({
          podCount: list.length,
          nodeCount: distinct.length,
          first: distinct.slice(0, 8),
        });
      }),
    );
  });

  it('either decode or fail with their own error, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-c0-3[\]:,-]{0,20}$/)), (text) => {
        try {
          decodeAssignment(text);
        } catch (error) {
          expect((error as Error).name).toBe('AssignmentError');
        }
      }),
    );
  });
});
