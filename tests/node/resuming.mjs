/** The client of graphql-ws, whose subscriptions go on where they were after each interruption. */
export function resuming(client) {
  return {
    ...client,
    subscribe(request, sink) {
      const payload = { ...request, variables: { ...request.variables } };
      let stop, timer;
      let failures = 0;
      const start = () => {
        stop = client.subscribe(payload, {
          next(result) {
            failures = 0;
            const event = Object.values(result.data ?? {})[0];
            if (event?.cursor) payload.variables.after = event.cursor; // sent when it comes again
            sink.next(result);
          },
          error(reason) {
            // The token has expired: `connectionParams` are asked for a fresh one.
            if (reason?.code === 4401 && reason.reason === 'Token expired') start();
            // The gateway has no room for it now (BUSY, RATE_LIMITED): later, after a growing wait.
            else if (Array.isArray(reason) && reason.every((one) => one.extensions?.retryable)) {
              const seconds = reason[0].extensions.retryAfter ?? Math.min(2 ** failures++, 60);
              timer = setTimeout(start, 1000 * seconds * (1 + Math.random()));
            } else sink.error(reason);
          },
          complete: () => sink.complete(),
        });
      };
      start();
      return () => {
        clearTimeout(timer);
        stop();
      };
    },
  };
}
