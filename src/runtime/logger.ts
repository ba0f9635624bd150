/** Structured log: a constant message and fields. Implementations must not throw. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** A logger that adds these fields to every line. */
  child(fields: object): Logger;
}

export const noopLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => noopLogger,
};

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** Keeps lines in memory, for tests. */
export class MemoryLogger implements Logger {
  readonly lines: LogLine[];
  readonly #fields: object;

  constructor(lines: LogLine[] = [], fields: object = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(message: string, fields?: object): void {
    this.#push('debug', message, fields);
  }

  info(message: string, fields?: object): void {
    this.#push('info', message, fields);
  }

  warn(message: string, fields?: object): void {
    this.#push('warn', message, fields);
  }

  error(message: string, fields?: object): void {
    this.#push('error', message, fields);
  }

  child(fields: object): Logger {
    return new MemoryLogger(this.lines, { ...this.#fields, ...fields });
  }

  #push(level: LogLine['level'], message: string, fields?: object): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
