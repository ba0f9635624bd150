import { createHash } from 'node:crypto';
import type { CallOptions, KubeClient } from '../kube/client.ts';
import { isForbidden } from '../kube/errors.ts';
import { type KubeObject, SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS } from '../kube/resource.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { Recent } from './recent.ts';

/** What is answered to whoever asks for metrics: 200, or why not, as a sentence for people. */
export type ScrapeAnswer = { readonly status: 200 } | { readonly status: 401 | 403 | 503; readonly sentence: string };

/** Whom a token stands for, as the API server says. */
export interface User {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

interface TokenReview extends KubeObject {
  readonly status?: { readonly authenticated?: boolean; readonly user?: User; readonly error?: string };
}

interface SubjectAccessReview extends KubeObject {
  readonly status?: { readonly allowed?: boolean; readonly denied?: boolean };
}

export interface ScrapeAccessOptions {
  /** The hub. Its guard of writes must not be there: a replica that stands by is scraped, too. */
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
}

/** How long a yes stands, also after a token was revoked. */
const ALLOWED_MS = 60_000;
/** Shorter: who has just been given the right waits for it. */
const REFUSED_MS = 10_000;
const ALLOWED_MAX = 128;
/** Apart from the others, so that a flood of bad tokens drives no good one out. */
const REFUSED_MAX = 1024;
/** Tokens asked about at the same time. */
const ASKED_MAX = 16;
const CALL: CallOptions = { timeoutMs: 5_000, maxRetries: 1 };

const NO_TOKEN: ScrapeAnswer = {
  status: 401,
  sentence: 'Metrics are for those who may read them: send a token of the hub as "Authorization: Bearer TOKEN".',
};
const BAD_TOKEN: ScrapeAnswer = {
  status: 401,
  sentence: 'The hub does not accept this token: it is misspelt, expired, or of another cluster. Take a new one.',
};
const BUSY: ScrapeAnswer = {
  status: 503,
  sentence: 'Too many tokens are being looked at now. Try again in a second.',
};
const SILENT: ScrapeAnswer = {
  status: 503,
  sentence:
    'The hub’s API server did not say whether this token may read metrics. Try again; the operator’s log has the cause.',
};
const NO_RIGHTS: ScrapeAnswer = {
  status: 503,
  sentence:
    'The operator may not ask the hub about tokens. Grant it create of tokenreviews.authentication.k8s.io and ' +
    'subjectaccessreviews.authorization.k8s.io; the chart does so with metrics.secure.enabled.',
};

/**
 * Who may read /metrics: the hub says whom a token stands for (TokenReview), then whether they may `get` the path
 * (SubjectAccessReview). Answers stand for a short time; where there is none, nobody may.
 */
export class ScrapeAccess {
  readonly #options: ScrapeAccessOptions;
  readonly #allowed: Recent<ScrapeAnswer>;
  readonly #refused: Recent<ScrapeAnswer>;
  /** Scrapes with the same token wait for one answer. */
  readonly #asked = new Map<string, Promise<ScrapeAnswer>>();

  constructor(options: ScrapeAccessOptions) {
    this.#options = options;
    this.#allowed = new Recent(options.clock, ALLOWED_MS, ALLOWED_MAX);
    this.#refused = new Recent(options.clock, REFUSED_MS, REFUSED_MAX);
  }

  /** Never rejects. `authorization` is the request's header. */
  async answer(authorization: string | undefined): Promise<ScrapeAnswer> {
    const token = bearerToken(authorization);
    if (token === undefined) return NO_TOKEN;
    // Tokens themselves are not kept.
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#allowed.get(key) ?? this.#refused.get(key) ?? this.#asked.get(key);
    if (known !== undefined) return known;
    if (this.#asked.size >= ASKED_MAX) return BUSY;
    const asked = this.#ask(token).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    const answer = await asked;
    if (answer.status === 200) this.#allowed.set(key, answer);
    else if (answer.status !== 503) this.#refused.set(key, answer);
    return answer;
  }

  async #ask(token: string): Promise<ScrapeAnswer> {
    const { client, logger } = this.#options;
    try {
      const { status } = await client.create<TokenReview>(TOKEN_REVIEWS, { body: { spec: { token } }, ...CALL });
      if (status?.authenticated !== true || !status.user?.username) {
        logger.debug('metrics refused: the hub does not accept the token', { error: status?.error });
        return BAD_TOKEN;
      }
      const { username } = status.user;
      const body = accessReview(status.user);
      const access = await client.create<SubjectAccessReview>(SUBJECT_ACCESS_REVIEWS, { body, ...CALL });
      if (access.status?.allowed === true && access.status.denied !== true) return { status: 200 };
      logger.info('metrics refused: no right to get /metrics', { user: username });
      return mayNot(username);
    } catch (error) {
      logger.warn('the hub does not say who may read metrics', { error: errorMessage(error) });
      return isForbidden(error) ? NO_RIGHTS : SILENT;
    }
  }
}

/** The token of an `Authorization` header (RFC 6750, 2.1); the scheme's case does not matter. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '')?.[1];
}

/** May this user get /metrics? */
export const accessReview = ({ username, uid, groups, extra }: User): object => ({
  spec: {
    user: username,
    ...(uid === undefined ? {} : { uid }),
    ...(groups === undefined ? {} : { groups }),
    ...(extra === undefined ? {} : { extra }),
    nonResourceAttributes: { path: '/metrics', verb: 'get' },
  },
});

const mayNot = (username: string): ScrapeAnswer => ({
  status: 403,
  sentence:
    `${username} may not read metrics: bind it to a ClusterRole with the verb get on the nonResourceURL /metrics; ` +
    'the chart has one and binds it to those of metrics.secure.scrapers.',
});
