/** JSON as it comes from the API. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The smallest JSON merge patch (RFC 7386) that turns `from` into `to`; undefined when they are equal. Keys that are
 * gone become null; lists are replaced whole. Keys set to undefined count as absent. A null inside `to` cannot be
 * expressed by a merge patch and counts as absent too, as the API drops it.
 */
export function minimalMergePatch(from: unknown, to: unknown): Json | undefined {
  if (!isMap(from) || !isMap(to)) return jsonEqual(from, to) ? undefined : clean(to);
  const patch: Record<string, Json> = {};
  let changed = false;
  for (const key of Object.keys(from)) {
    if (isAbsent(from[key]) || !isAbsent(own(to, key))) continue;
    define(patch, key, null);
    changed = true;
  }
  for (const key of Object.keys(to)) {
    const value = to[key];
    if (isAbsent(value)) continue;
    const part = isAbsent(own(from, key)) ? clean(value) : minimalMergePatch(own(from, key), value);
    if (part === undefined) continue;
    define(patch, key, part);
    changed = true;
  }
  return changed ? patch : undefined;
}

/** Applies a JSON merge patch (RFC 7386); neither argument is changed. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = {};
  if (isMap(target)) for (const key of Object.keys(target)) define(result, key, target[key]);
  for (const key of Object.keys(patch)) {
    if (patch[key] === null) delete result[key];
    else define(result, key, applyMergePatch(own(result, key), patch[key]));
  }
  return result;
}

/** Deep equality of JSON; keys that are undefined or null count as absent. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => jsonEqual(item, b[at]))
    );
  }
  if (!isMap(a) || !isMap(b)) return isAbsent(a) && isAbsent(b);
  const present = (map: Record<string, unknown>): string[] => Object.keys(map).filter((key) => !isAbsent(map[key]));
  const keys = present(a);
  return (
    keys.length === present(b).length && keys.every((key) => !isAbsent(own(b, key)) && jsonEqual(a[key], own(b, key)))
  );
}

/** `value` without absent keys of its maps: a null there would mean deletion. Lists are kept as they are. */
function clean(value: unknown): Json {
  if (!isMap(value)) return (value ?? null) as Json;
  const result: Record<string, Json> = {};
  for (const key of Object.keys(value)) if (!isAbsent(value[key])) define(result, key, clean(value[key]));
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Reads own keys only: labels may be called `constructor` or `__proto__`. */
function own(map: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function define(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
