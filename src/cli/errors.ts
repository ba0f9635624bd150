import { isForbidden, isNotFound, isUnauthorized, isUnreachable, KubeError } from '../kube/errors.ts';
import { KubeconfigError } from '../kube/kubeconfig.ts';
import { errorMessage } from '../runtime/errors.ts';

/** What the process ends with; documented in docs/kubectl-aidc.md. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, notFound: 4, notAllowed: 5 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that is told as it is: a sentence and an exit code. */
export class CliError extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.name = 'CliError';
    this.code = code;
  }
}

export const usageError = (message: string): CliError => new CliError(EXIT.usage, message);

/** Whatever went wrong, as a sentence with an exit code. */
export function told(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof KubeconfigError) return new CliError(EXIT.usage, error.message);
  if (isUnreachable(error)) return new CliError(EXIT.unreachable, `the hub does not answer: ${errorMessage(error)}`);
  if (isUnauthorized(error)) {
    return new CliError(EXIT.notAllowed, 'the hub does not accept the credentials of this kubeconfig context.');
  }
  if (isForbidden(error)) return new CliError(EXIT.notAllowed, `not allowed: ${serverSentence(error as KubeError)}`);
  if (isNotFound(error)) return new CliError(EXIT.notFound, serverSentence(error as KubeError));
  if (isNotServed(error)) {
    return new CliError(
      EXIT.notFound,
      'this cluster has no aidc.dev kinds: is it the hub, and are the CRDs installed?',
    );
  }
  if (error instanceof KubeError) return new CliError(EXIT.failed, serverSentence(error));
  return new CliError(EXIT.failed, errorMessage(error));
}

/** The path is not served at all, so the kind is not installed. */
export const isNotServed = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 404 && !isNotFound(error);

const serverSentence = ({ body, message }: KubeError): string => (typeof body === 'object' && body.message) || message;
