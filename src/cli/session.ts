import type { FlagName, Flags } from './args.ts';
import type { Hub, HubSettings } from './hub.ts';
import { coloured, type Paint, plain } from './table.ts';

/** What a command sees of the world. */
export interface Io {
  readonly out: (text: string) => void;
  readonly note: (text: string) => void;
  readonly isTerminal: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
}

export interface Session {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly io: Io;
  /** Reads the kubeconfig; requests are sent by the Hub's methods only. */
  readonly connect: (settings?: HubSettings) => Hub;
}

export interface Command {
  readonly name: string;
  /** Positional arguments as the usage line shows them, and how many there may be. */
  readonly args: string;
  readonly count: readonly [min: number, max: number];
  readonly summary: string;
  /** Text of --help after the usage line. */
  readonly details?: string;
  readonly flags: readonly FlagName[];
  readonly run: (session: Session) => Promise<void>;
}

export const CONNECTION_FLAGS: readonly FlagName[] = ['kubeconfig', 'context'];
export const DISPLAY_FLAGS: readonly FlagName[] = ['output', 'no-color', 'help'];

/** Colour is for people at a terminal only (https://no-color.org). */
export function paintFor({ flags, io }: Pick<Session, 'flags' | 'io'>): Paint {
  const { NO_COLOR, TERM } = io.env;
  const wanted = io.isTerminal && flags['no-color'] !== true && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
  return wanted ? coloured : plain;
}

/** Prints the data for programs, or the text made from it for people. */
export async function print(session: Session, data: unknown, text: (paint: Paint) => string): Promise<void> {
  const { flags, io } = session;
  switch (flags.output ?? 'table') {
    case 'json':
      return io.out(`${JSON.stringify(data, null, 2)}\n`);
    case 'yaml': {
      const { stringify } = await import('yaml');
      return io.out(stringify(data, { lineWidth: 0, aliasDuplicateObjects: false }));
    }
    default:
      return io.out(`${text(paintFor(session))}\n`);
  }
}
