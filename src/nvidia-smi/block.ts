import { ABSENT, type Converter, NONE, noValueOf, type Reading, value } from './reading.ts';
import type { Body } from './xml.ts';

/** A text in the place of a value that this parser does not understand. */
export interface UnknownValue {
  /** Where, from the root, such as `gpu/temperature/gpu_temp`. */
  readonly element: string;
  /** At most 80 characters. */
  readonly text: string;
}

/** What is noted while a document is read. */
export interface Notes {
  readonly unknown: Map<string, UnknownValue>;
  /** The driver's words on failed readings. */
  readonly failures: Set<string>;
}

const LONGEST_UNKNOWN = 80;
const SEVERAL = '(several elements where one is expected)';

/**
 * An element that holds others, read by the names of its children: the same name means different things under
 * different parents. The whole may be missing, or be one text such as `N/A`, which then holds for every child.
 */
export class Block {
  private readonly body: Body | undefined;
  private readonly path: string;
  private readonly notes: Notes;

  constructor(body: Body | undefined, path: string, notes: Notes) {
    this.body = body;
    this.path = path;
    this.notes = notes;
  }

  block(name: string): Block {
    // A text instead of children stands for all of them, however deep.
    if (typeof this.body === 'string') return this;
    const body = childOf(this.body, name);
    if (Array.isArray(body)) this.unknown(this.pathOf(name), SEVERAL);
    return new Block(Array.isArray(body) ? undefined : body, this.pathOf(name), this.notes);
  }

  read<T>(name: string, convert: Converter<T>): Reading<T> {
    if (typeof this.body === 'string') return this.noValue(this.body, this.path);
    const body = childOf(this.body, name);
    if (body === undefined) return ABSENT;
    if (typeof body !== 'string') return this.unknown(this.pathOf(name), '(elements where one value is expected)');
    const bare = body.replaceAll(/\s+/g, ' ');
    const converted = noValueOf(bare) === undefined ? convert(bare) : undefined;
    return converted === undefined ? this.noValue(bare, this.pathOf(name)) : value(converted);
  }

  /** The elements `item` of the element `name`; an empty list where that is empty or says None. */
  list(name: string, item: string): Reading<readonly Block[]> {
    if (typeof this.body === 'string') return this.noValue(this.body, this.path);
    const body = childOf(this.body, name);
    if (body === undefined) return ABSENT;
    if (Array.isArray(body)) return this.unknown(this.pathOf(name), SEVERAL);
    if (typeof body !== 'string') return value(this.block(name).items(item));
    return body === '' || body === 'None' ? value([]) : this.noValue(body, this.pathOf(name));
  }

  /** The children of this name, in the order of the document. */
  items(name: string): readonly Block[] {
    const bodies = childOf(this.body, name) ?? [];
    return (Array.isArray(bodies) ? bodies : [bodies]).map((body) => new Block(body, this.pathOf(name), this.notes));
  }

  /** The same element, with its failures noted apart. */
  noting(failures: Set<string>): Block {
    return new Block(this.body, this.path, { ...this.notes, failures });
  }

  private noValue(body: string, path: string): Reading<never> {
    const known = body === 'None' ? NONE : noValueOf(body);
    if (known?.state === 'failed') this.notes.failures.add(known.text);
    return known ?? this.unknown(path, body);
  }

  private unknown(element: string, body: string): Reading<never> {
    const text = Array.from(body).slice(0, LONGEST_UNKNOWN).join('');
    this.notes.unknown.set(`${element} ${text}`, { element, text });
    return ABSENT;
  }

  private pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`;
  }
}

function childOf(body: Body | undefined, name: string): Body | undefined {
  if (body === undefined || typeof body === 'string' || Array.isArray(body)) return undefined;
  const children = body as { readonly [child: string]: Body };
  return Object.hasOwn(children, name) ? children[name] : undefined;
}
