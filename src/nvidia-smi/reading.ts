/**
 * What one element of the document says. The four states never mix: a reading that is not a value is never 0.
 *  - `value`: it was read.
 *  - `absent`: the element is not there, is empty, or holds what this parser does not understand (then it is listed in
 *    the document's `unknownValues`).
 *  - `unsupported`: the driver says that this board has no such reading; `text` is its word, such as `N/A`.
 *  - `failed`: the board should have answered and did not; `text` is the driver's word, such as `GPU is lost`.
 */
export type Reading<T> =
  | { readonly state: 'value'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'unsupported'; readonly text: string }
  | { readonly state: 'failed'; readonly text: string };

/** A reading without its value's type. */
export type NoValue = Exclude<Reading<never>, { state: 'value' }>;

export const ABSENT: NoValue = Object.freeze({ state: 'absent' });

export const value = <T>(read: T): Reading<T> => ({ state: 'value', value: read });

/** @returns the value, or undefined in the three other states */
export const valueIn = <T>(reading: Reading<T>): T | undefined =>
  reading.state === 'value' ? reading.value : undefined;

const UNSUPPORTED = ['N/A', 'Not Supported', 'Not Found', 'Requested functionality has been deprecated'];
const FAILED = [
  'GPU is lost',
  'GPU is inaccessible',
  'GPU requires reset',
  'GPU access blocked by the operating system',
  'Insufficient Permissions',
  'Unknown Error',
  'ERR!',
];
/** Shared objects: a document without values costs no memory, and none of them holds on to the document's text. */
const NO_VALUES: ReadonlyMap<string, NoValue> = new Map<string, NoValue>([
  ['', ABSENT],
  ...UNSUPPORTED.map((text): [string, NoValue] => [text.toLowerCase(), Object.freeze({ state: 'unsupported', text })]),
  ...FAILED.map((text): [string, NoValue] => [text.toLowerCase(), Object.freeze({ state: 'failed', text })]),
]);

/** @returns what a body means that stands in the place of any value; undefined where it may be a value */
export function noValueOf(body: string): NoValue | undefined {
  const bare = body.startsWith('[') && body.endsWith(']') ? body.slice(1, -1) : body;
  return NO_VALUES.get(bare.toLowerCase());
}

/** `None` is a word like any other where a word is read, and no value where a number or yes or no is. */
export const NONE: NoValue = Object.freeze({ state: 'unsupported', text: 'None' });

/** What says most comes first: a value, then a failure, then `unsupported`. */
const RANK = { value: 0, failed: 1, unsupported: 2, absent: 3 } as const;

/** @returns the first value; without one, the first of the state that says most */
export const prefer = <T>(...readings: readonly Reading<T>[]): Reading<T> =>
  readings.reduce((best, next) => (RANK[next.state] < RANK[best.state] ? next : best), ABSENT as Reading<T>);

/** @returns the sum, a value only where both are */
export function sum(a: Reading<number>, b: Reading<number>): Reading<number> {
  if (a.state === 'value' && b.state === 'value') return value(a.value + b.value);
  return a.state === 'value' ? b : b.state === 'value' ? a : prefer(a, b);
}

/** Turns a body into a value; undefined where it is none. */
export type Converter<T> = (body: string) => T | undefined;

/** Digits are bounded, so that every number is finite. */
const NUMBER = /^(-?\d{1,15}(?:\.\d{1,9})?)(?: (\S+))?$/;

/** Numbers with exactly this unit; `scale` brings them to the unit of the result. Only temperatures go below zero. */
function quantity(unit: string | undefined, scale: (number: number) => number = (number) => number): Converter<number> {
  return (body) => {
    const match = NUMBER.exec(body);
    if (match === null || match[2] !== unit) return undefined;
    const number = Number(match[1]);
    return number < 0 && unit !== 'C' ? undefined : scale(number);
  };
}

export const count = quantity(undefined);
export const watts = quantity('W');
export const celsius = quantity('C');
/** Of 1. */
export const ratio = quantity('%', (percent) => percent / 100);
export const bytes = quantity('MiB', (mebibytes) => mebibytes * 1_048_576);
export const hertz = quantity('MHz', (megahertz) => megahertz * 1_000_000);
export const seconds = quantity('us', (microseconds) => microseconds / 1_000_000);

/** One of a closed set of words, in any case. */
export function word<T>(words: Readonly<Record<string, T>>): Converter<T> {
  const byWord = new Map(Object.entries(words).map(([key, meaning]) => [key.toLowerCase(), meaning]));
  return (body) => byWord.get(body.toLowerCase());
}

export const flag = word({
  Enabled: true,
  Disabled: false,
  Yes: true,
  No: false,
  Active: true,
  'Not Active': false,
  True: true,
  False: false,
});

/**
 * The body as it is. A copy, because a substring keeps the whole document alive that it was cut from: a name kept for
 * a day would hold hundreds of kilobytes.
 */
export const text: Converter<string> = (body) => Array.from(body).join('');

const UUID = /^GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const uuid: Converter<string> = (body) => (UUID.test(body) ? text(body) : undefined);

const BUS_ID = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i;
/** PCI address with a domain of eight digits, in capitals. */
export const busId: Converter<string> = (body) => {
  const match = BUS_ID.exec(body);
  return match === null ? undefined : text(`${(match[1] ?? '').padStart(8, '0')}:${match[2]}`.toUpperCase());
};
