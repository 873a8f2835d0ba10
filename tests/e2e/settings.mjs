// What both servers are configured with, and the tests know.

/** An origin beside the server's own that may send cookies. */
export const trustedOrigin = 'http://app.example.test';
