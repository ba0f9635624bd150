import { describe, expect, it } from 'vitest';
import { AssignmentError, assignmentSummary, decodeAssignment, encodeAssignment } from './assignment.ts';

const range = (count: number, name: (i: number) => string) => Array.from({ length: count }, (_, i) => name(i + 1));
const padded = (i: number) => `gpu-${String(i).padStart(4, '0')}`;

describe('assignments', () => {
  it.each<[string[], string]>([
    [[], ''],
    [['gpu-0007', 'gpu-0007', 'gpu-0007', 'gpu-0007'], 'gpu-0007:4'],
    [range(512, padded), 'gpu-[0001-0512]:1'],
    [range(12, (i) => `node-${i}`), 'node-[1-12]:1'],
    [range(3, (i) => `gpu-${i}.guian.internal`), 'gpu-[1-3].guian.internal:1'],
    [range(3, (i) => `r${i}-n7`), 'r[1-3]-n7:1'],
    [['a-1', 'a-1', 'a-2', 'a-2', 'a-3'], 'a-[1-2]:2,a-3:1'],
    [['a-3', 'a-2', 'a-1'], 'a-3:1,a-2:1,a-1:1'],
    [['a-1', 'b-1', 'a-1'], 'a-1:1,b-1:1,a-1:1'],
    [['a-09', 'a-10', 'a-011'], 'a-[09-10]:1,a-011:1'],
    [['a-99', 'a-100'], 'a-[99-100]:1'],
    [['7', '8'], '[7-8]:1'],
  ])('keep the rank order of %j as %s', (nodes, text) => {
    expect(encodeAssignment(nodes)).toBe(text);
    expect(decodeAssignment(text)).toEqual(nodes);
  });

  it('stay short for the largest gang', () => {
    expect(encodeAssignment(range(8192, padded))).toBe('gpu-[0001-8192]:1');
  });

  it.each([
    'gpu-1',
    'gpu-1:0',
    ':1',
    'gpu-[1-]:1',
    'gpu-[3-1]:1',
    'a:1,',
    'a:1,,b:1',
    'a[1-2][3-4]:1',
    'a:-1',
    'a:1 ',
    'x-[1-999999999]:1',
  ])('are refused when damaged: %s', (text) => {
    expect(() => decodeAssignment(text)).toThrow(AssignmentError);
    expect(() => assignmentSummary(text)).toThrow(AssignmentError);
  });

  it.each(['', 'a:b', 'a,b', 'a[1]'])('have no place for the name %j', (name) => {
    expect(() => encodeAssignment([name])).toThrow(AssignmentError);
  });

  it('are summed up without expanding a range', () => {
    expect(assignmentSummary('gpu-[0001-0512]:8')).toEqual({
      podCount: 4096,
      nodeCount: 512,
      first: range(8, padded),
    });
    expect(assignmentSummary('a:2,b:1,a:1')).toEqual({ podCount: 4, nodeCount: 2, first: ['a', 'b'] });
    expect(assignmentSummary('')).toEqual({ podCount: 0, nodeCount: 0, first: [] });
  });
});
