import type { z } from 'zod';
import { GROUP, MAX_NAME_LENGTH } from './group.ts';

/** metadata as the API server sends it; times are RFC 3339 strings. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
}

/** An object of one of our kinds after the API server applied the defaults. */
export interface CustomResource<Spec, Status> {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
}

export interface PrinterColumn {
  readonly name: string;
  readonly path: string;
  readonly type?: 'string' | 'integer' | 'date' | 'boolean';
  /** Shown only with `-o wide`. */
  readonly wide?: boolean;
}

/** All that a CustomResourceDefinition, its documentation and its client are generated from. */
export interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  /** CEL rules over the whole object (`self.metadata.name`, `self.spec`). */
  readonly rules: readonly ValidationRule[];
  readonly columns: readonly PrinterColumn[];
  readonly scale?: { specPath: string; statusPath: string; selectorPath: string };
}

/** Name of its CustomResourceDefinition. */
export const crdName = ({ plural }: Pick<KindDefinition, 'plural'>): string => `${plural}.${GROUP}`;

export const immutable: ValidationRule = { rule: 'self == oldSelf', message: 'this field is immutable.' };

/** How the old and the new value of a field are compared. */
interface Comparison {
  /** The field may be absent: adding and removing it are changes, too. */
  readonly optional?: boolean;
  /**
   * Keys of a list whose order means something, as an expression over its item `e`. The API server compares lists of
   * type map and set without their order.
   */
  readonly order?: { readonly of: string; readonly by: string };
}

function unchanged(path: string, { optional, order }: Comparison): string {
  const equal = `self.${path} == oldSelf.${path}`;
  if (optional === true) {
    return `(has(self.${path}) == has(oldSelf.${path}) && (!has(self.${path}) || ${equal}))`;
  }
  if (order === undefined) return equal;
  const keys = (object: string): string => `${object}.${order.of}.map(e, ${order.by})`;
  return `(${equal} && ${keys('self')} == ${keys('oldSelf')})`;
}

/** A rule on spec: the field may change only in an update that finds or leaves `suspend: true`. */
export function mutableWhileSuspended(path: string, comparison: Comparison = {}): ValidationRule {
  return {
    rule: `${unchanged(path, comparison)} || oldSelf.suspend || self.suspend`,
    message: `${path} can be changed only while suspend is true.`,
  };
}

/** A rule on the object around an optional field: it can be neither changed nor added nor removed. */
export function immutableOptional(path: string): ValidationRule {
  return { rule: unchanged(path, { optional: true }), message: `${path} is immutable.` };
}

/** RFC 1035, and short enough for the names derived from it. */
export const workloadNameRule: ValidationRule = {
  rule: `self.metadata.name.size() <= ${MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
  message: `metadata.name must be at most ${MAX_NAME_LENGTH} characters: lower-case letters, digits and '-', starting with a letter.`,
};
