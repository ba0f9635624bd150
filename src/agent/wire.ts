/** Bytes that are no protobuf message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const VARINT_BYTES = 10;
/** Sizes of the fixed-length wire types. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const DELIMITED = 2;

/**
 * The length-delimited fields of a protobuf message (strings, bytes, messages), in order; the others are skipped, as a
 * reader must skip what it does not know. @throws WireError
 */
export function* fieldsOf(message: Uint8Array): Generator<{ readonly field: number; readonly bytes: Uint8Array }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let read = 0; read < VARINT_BYTES; read += 1) {
      const byte = message[at];
      if (byte === undefined) throw new WireError('The message is truncated.');
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * read);
      if (byte < 0x80) return value;
    }
    throw new WireError('The message holds a number of more than ten bytes.');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw new WireError('The message is truncated.');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === DELIMITED) yield { field: Math.floor(tag / 8), bytes: take(varint()) };
    else if (type === 0) varint();
    else if (FIXED_BYTES[type] !== undefined) take(FIXED_BYTES[type]);
    else throw new WireError(`The message holds a field of the unknown wire type ${type}.`);
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The fields of one number. */
export const allOf = (message: Uint8Array, field: number): Uint8Array[] =>
  [...fieldsOf(message)].filter((one) => one.field === field).map(({ bytes }) => bytes);

/** A string field; the last one wins, and a missing one is empty. */
export const textOf = (message: Uint8Array, field: number): string => decoder.decode(allOf(message, field).at(-1));

export const textsOf = (message: Uint8Array, field: number): string[] =>
  allOf(message, field).map((bytes) => decoder.decode(bytes));
