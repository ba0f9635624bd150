import { createReadStream } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';
import { MAX_DOCUMENT_BYTES, NvidiaSmiError, parseNvidiaSmi } from './nvidia-smi/index.ts';

const USAGE = `usage: aidc-operator nvidia-smi [FILE|-]

Prints the output of nvidia-smi -q -x as JSON. It is read from FILE, or from the standard input.

Exit codes: 0 printed, 1 it is no such document, or cannot be read or printed, 2 wrong usage.
`;

/** The role `nvidia-smi`. @returns the exit code */
export async function run(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [file = '-', ...more] = args;
  if (more.length > 0 || (file.startsWith('-') && file !== '-')) {
    process.stderr.write(USAGE);
    return 2;
  }
  try {
    const document = parseNvidiaSmi(await read(file));
    await print(`${JSON.stringify(document, null, 2)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof NvidiaSmiError || error instanceof StreamError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** Input that cannot be read or output that cannot be written; the message is a sentence for the user. */
class StreamError extends Error {
  override readonly name = 'StreamError';
}

async function read(file: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      size += chunk.length;
      // What is larger is refused by the parser; an endless input must not fill the memory first.
      if (size > MAX_DOCUMENT_BYTES) break;
    }
  } catch (error) {
    throw new StreamError(`${file === '-' ? 'The standard input' : file} cannot be read: ${reason(error)}.`);
  }
  return Buffer.concat(chunks);
}

/** Waits until all is written: the process exits right after. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(new StreamError(`The output cannot be written: ${reason(error)}.`));
    process.stdout.once('error', fail);
    process.stdout.write(text, (error) => (error == null ? resolve() : fail(error)));
  });
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? error.message : getSystemErrorMessage(errno);
}
