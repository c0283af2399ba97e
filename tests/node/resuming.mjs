/** The client of graphql-ws, whose subscriptions go on where they were after each interruption. */
export function resuming(client) {
  return {
    ...client,
    subscribe(request, sink) {
      const payload = { ...request, variables: { ...request.variables } };
      let stop;
      const start = () => {
        stop = client.subscribe(payload, {
          next(result) {
            const event = Object.values(result.data ?? {})[0];
            if (event?.cursor) payload.variables.after = event.cursor; // sent when it comes again
            sink.next(result);
          },
          error(reason) {
            // The token has expired: `connectionParams` are asked for a fresh one.
            if (reason?.code === 4401 && reason.reason === 'Token expired') start();
            else sink.error(reason);
          },
          complete: () => sink.complete(),
        });
      };
      start();
      return () => stop();
    },
  };
}
