/* What only the server knows: accounts, members, invitations, sessions. Same origin, by cookie. */
export class ServerError extends Error {
  code: string;
  status: number;
  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = 'ServerError';
    this.code = code;
    this.status = status;
  }
}

export type Role = 'owner' | 'admin' | 'member';
export interface Session {
  session: { id: string; token: string };
  user: { id: string; email: string; name: string; emailVerified: boolean };
}
export interface Member {
  id: string;
  role: Role;
  createdAt: string;
  userId: string;
  user: { id: string; name: string; email: string; image: string | null };
}
export interface Invitation {
  id: string;
  email: string;
  role: Role;
  status: string;
  expiresAt: string;
  organizationId: string;
}
export interface InvitationToMe extends Invitation {
  organizationName: string;
  organizationSlug: string;
  inviterEmail: string;
}
export interface OpenSession {
  id: string;
  token: string;
  createdAt: string;
  updatedAt: string;
  expiresAt: string;
  userAgent: string | null;
  ipAddress: string | null;
}

/* Better Auth's errors are {code, message}, ours {error: {code, message}}. */
function refused(status: number, body: unknown): ServerError {
  if (status === 402) return new ServerError('HTTP_402', status, '');
  if (status === 429) return new ServerError('RATE_LIMITED', status, '');
  const outer = isObject(body) ? body : {};
  const inner = isObject(outer.error) ? outer.error : outer;
  const code = typeof inner.code === 'string' ? inner.code : `HTTP_${status}`;
  const message = typeof inner.message === 'string' ? inner.message : '';
  return new ServerError(code, status, message);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export async function ask<T>(path: string, method = 'GET', body?: object): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, body === undefined ? { method } : {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  } catch {
    throw new ServerError('OFFLINE', 0, '');
  }
  const value: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw refused(answer.status, value);
  return value as T;
}

function auth<T>(path: string, body?: object): Promise<T> {
  return ask<T>(`/api/auth/${path}`, body === undefined ? 'GET' : 'POST', body);
}

const query = encodeURIComponent;

export const server = {
  session: () => auth<Session | null>('get-session'),
  signUp: (name: string, email: string, password: string) =>
    auth('sign-up/email', { name, email, password }),
  signIn: (email: string, password: string) => auth('sign-in/email', { email, password }),
  signOut: () => auth('sign-out', {}),
  forgot: (email: string) =>
    auth('request-password-reset', { email, redirectTo: '/reset-password' }),
  rename: (name: string) => auth('update-user', { name }),
  password: (currentPassword: string, newPassword: string) =>
    auth('change-password', { currentPassword, newPassword, revokeOtherSessions: true }),
  sessions: () => auth<OpenSession[]>('list-sessions'),
  endSession: (token: string) => auth('revoke-session', { token }),
  endOthers: () => auth('revoke-other-sessions', {}),

  members: async (space: string) =>
    (await auth<{ members: Member[] }>(`organization/list-members?organizationId=${query(space)}`))
      .members,
  invitations: (space: string) =>
    auth<Invitation[]>(`organization/list-invitations?organizationId=${query(space)}`),
  invite: (organizationId: string, email: string, role: Role) =>
    auth<Invitation>('organization/invite-member', { organizationId, email, role }),
  uninvite: (invitationId: string) => auth('organization/cancel-invitation', { invitationId }),
  setRole: (organizationId: string, memberId: string, role: Role) =>
    auth('organization/update-member-role', { organizationId, memberId, role }),
  removeMember: (organizationId: string, memberIdOrEmail: string) =>
    auth('organization/remove-member', { organizationId, memberIdOrEmail }),
  leave: (organizationId: string) => auth('organization/leave', { organizationId }),
  renameSpace: (organizationId: string, name: string) =>
    auth('organization/update', { organizationId, data: { name } }),
  deleteSpace: (space: string, name: string) =>
    ask(`/api/v1/spaces/${query(space)}/delete`, 'POST', { name }),

  myInvitations: () => auth<InvitationToMe[]>('organization/list-user-invitations'),
  invitation: (id: string) =>
    auth<InvitationToMe>(`organization/get-invitation?id=${query(id)}`),
  accept: (invitationId: string, secret?: string) =>
    auth('organization/accept-invitation', { invitationId, secret }),
  decline: (invitationId: string, secret?: string) =>
    auth('organization/reject-invitation', { invitationId, secret }),
};
