/**
 * Every reason that a condition of a MeshInstallation may have, with what it means; docs/operator.md has the same
 * tables. Reasons of a failing CertificatesValid or WebhookReady are Ready's reason too.
 */
export const reasons = {
  Reconciled: {
    Reconciled: "Every object is as it should be.",
    Paused: "`spec.paused` is true: nothing is changed, and drift is not repaired.",
    Conflict: "Another MeshInstallation has the revision, or the namespace is the operator's own.",
    NameTaken: "An object of an operand's name belongs to somebody else; it is not overwritten.",
    UnsupportedVersion: "`spec.version` is not the version that this operator installs.",
    DefinitionsNotEstablished: "The API server does not serve all kinds yet.",
    ReconcileFailed: "A request to the API server failed; it is tried again.",
    Deleting: "The installation is being taken down.",
  },
  CertificatesValid: {
    Valid: "Workload certificates are signed; the message says until when.",
    ExpiresSoon: "The signing certificate ends within 14 days.",
    Expired: "The signing certificate has ended, or has not begun: no workload gets a certificate.",
    SecretInvalid: "The Secret's keys do not make a certificate authority; the message names the key.",
    SecretMissing: "There is no CA Secret yet.",
    NotRead: "The Secrets could not be looked at.",
  },
  WebhookReady: {
    Answering: "A dry run of an invalid VirtualService is refused by the validator.",
    NotInstalled: "The webhooks are installed once control serves, and removed first.",
    NotProbed: "The first probe is under way.",
    NotCalled: "The API server does not ask the validator.",
    CallFailed: "The API server cannot call the validator.",
    NotAnswering: "The probe got no answer in time.",
  },
  Ready: {
    Serving: "At least one replica of control serves; the message counts them.",
    ControlMissing: "The Deployment of control is not there.",
    ControlNotAvailable: "No replica of control is available.",
  },
  Deleting: {
    WorkloadsStillInjected:
      "Running pods carry a sidecar: the mesh goes on serving them. The message names them.",
    InProgress: "The objects are being deleted, in order.",
  },
} as const;

export type ReconciledReason = keyof typeof reasons.Reconciled;
export type CertificateReason = keyof typeof reasons.CertificatesValid;
export type WebhookReason = keyof typeof reasons.WebhookReady;
export type ReadyReason = keyof typeof reasons.Ready;
export type DeletingReason = keyof typeof reasons.Deleting;
