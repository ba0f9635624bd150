import pino from 'pino';
import type { Logger } from '../runtime/logger.ts';

export type { Logger };

/** Structured logs, one JSON object a line on standard output; `error` fields become message and stack. */
export function createLogger(level: string): Logger {
  return wrap(
    pino({
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    }),
  );
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
    child: (fields) => wrap(log.child(fields)),
  };
}

/** The framework's own lines in the same form; its chatter about wiring is for debugging only. */
export function frameworkLogger(logger: Logger) {
  const child = logger.child({ component: 'nest' });
  const text = (message: unknown): string => (typeof message === 'string' ? message : JSON.stringify(message));
  return {
    log: (message: unknown) => child.debug(text(message)),
    debug: (message: unknown) => child.debug(text(message)),
    verbose: (message: unknown) => child.debug(text(message)),
    warn: (message: unknown) => child.warn(text(message)),
    error: (message: unknown, stack?: unknown) => child.error(text(message), { stack }),
    fatal: (message: unknown) => child.error(text(message)),
  };
}
