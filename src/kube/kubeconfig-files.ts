import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { errorMessage } from '../runtime/errors.ts';

/** A kubeconfig that cannot be used; the message says what is wrong with it, and holds no secret. */
export class KubeconfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
  }
}

export type Raw = Record<string, unknown>;

/** Lists of a kubeconfig, each with the field that holds an element's content. */
const LISTS = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;
const FILE_FIELDS = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile', 'token-file'];

export function parseRaw(text: string): Raw {
  let raw: unknown;
  try {
    raw = parseYaml(text);
  } catch (cause) {
    // The parser quotes the line it fails at, which may hold a secret: only the place is told.
    const at = (cause as { linePos?: { line: number; col: number }[] }).linePos?.[0];
    throw new KubeconfigError(`kubeconfig is no valid YAML${at ? ` (line ${at.line}, column ${at.col})` : ''}`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new KubeconfigError('kubeconfig is empty or no YAML map');
  }
  return raw as Raw;
}

/**
 * The kubeconfig that kubectl would use: the file given, else the files of KUBECONFIG merged, else `~/.kube/config`.
 * As with kubectl the first file that names a thing wins, and files of the list that do not exist are passed over.
 */
export function readKubeconfig(path: string | undefined, env: NodeJS.ProcessEnv, home = homedir()): Raw {
  const files = path === undefined ? defaultFiles(env, home) : [path];
  const merged: Raw = { clusters: [], contexts: [], users: [] };
  for (const file of files) mergeInto(merged, readOne(file));
  return merged;
}

function defaultFiles(env: NodeJS.ProcessEnv, home: string): string[] {
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const files = (listed.length > 0 ? listed : [join(home, '.kube', 'config')]).filter((file) => existsSync(file));
  if (files.length > 0) return files;
  const why =
    listed.length > 0
      ? `KUBECONFIG names ${listed.join(delimiter)}, which does not exist`
      : 'KUBECONFIG is not set and ~/.kube/config does not exist';
  throw new KubeconfigError(`there is no kubeconfig: ${why}`);
}

/** Relative paths in a kubeconfig are meant from its own folder. */
function readOne(file: string): Raw {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`kubeconfig ${file} cannot be read: ${errorMessage(cause)}`, { cause });
  }
  const raw = parseRaw(text);
  for (const [list, field] of Object.entries(LISTS)) {
    for (const item of itemsOf(raw, list)) absolutePaths(item?.[field], dirname(file));
  }
  return raw;
}

function absolutePaths(content: unknown, folder: string): void {
  if (typeof content !== 'object' || content === null) return;
  const fields = content as Raw;
  for (const name of FILE_FIELDS) {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') fields[name] = resolve(folder, value);
  }
}

function mergeInto(merged: Raw, raw: Raw): void {
  merged['current-context'] ||= raw['current-context'];
  for (const list of Object.keys(LISTS)) {
    const known = itemsOf(merged, list);
    const added = itemsOf(raw, list).filter((item) => !known.some((other) => other?.name === item?.name));
    merged[list] = [...known, ...added];
  }
}

const itemsOf = (raw: Raw, list: string): (Raw | null)[] =>
  Array.isArray(raw[list]) ? (raw[list] as (Raw | null)[]) : [];

/** The named element of `clusters`, `users` or `contexts`. */
export function entry(raw: Raw, list: keyof typeof LISTS, name: string): Raw {
  const field = LISTS[list];
  const found = itemsOf(raw, list).find((item) => item?.name === name);
  if (!found) throw new KubeconfigError(`kubeconfig has no ${field} named ${name}`);
  const value = found[field];
  if (typeof value !== 'object' || value === null) throw new KubeconfigError(`${field} ${name} is empty`);
  return value as Raw;
}
