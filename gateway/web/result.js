// A code or a state from Google must not outlive this page's loading in the address bar or the history. Every other
// address stays: it can be loaded again, and a booking's has the secret that its customer has nowhere else.
if (location.pathname.startsWith('/connect/')) history.replaceState(null, '', '/');
