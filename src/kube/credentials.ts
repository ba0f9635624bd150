/** How to reach one apiserver and who we are there. */
export interface ClusterCredentials {
  /** `https://host:port`, perhaps with a path prefix. */
  readonly server: string;
  /** Authorities that sign the server's certificate, PEM. Absent: those the system trusts. */
  readonly ca?: string;
  /** Client certificate and key, PEM; both or neither. */
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token. */
  readonly token?: string;
  /** File with a bearer token that is rotated; read again every minute. */
  readonly tokenFile?: string;
  /** Asked for a bearer token once a minute and after a 401 (exec plugins and other flows, hub only). */
  readonly tokenSource?: () => Promise<string | undefined>;
  /** Name to check the server's certificate against, where it differs from the host. */
  readonly serverName?: string;
  /** Do not check the server's certificate. */
  readonly insecure?: boolean;
}
