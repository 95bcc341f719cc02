// A code or a state from Google must not outlive this page's loading in the address bar or the history.
history.replaceState(null, '', '/');
