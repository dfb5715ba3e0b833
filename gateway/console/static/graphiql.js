// GraphiQL for this server: queries and mutations over HTTP, subscriptions over a WebSocket with the same token.
(() => {
  const url = location.origin + "/graphql";
  const tabs = [
    {
      query: `# What is available, and where? Press ▶ (or Ctrl-Enter).
query Availability {
  availability(
    skus: ["W1001-WHT-M", "W1002-STB-S", "H4001-WHT-200"]
    channel: "web"
  ) {
    sku
    status
    quantity
    variant {
      name
      price(channel: "web") { amount currency }
    }
  }
}
`,
    },
    {
      query: `# An order, paid with the built-in test provider.
# Run it twice: the same key gives the same order again.
# With its access token a guest follows it (next tab).
mutation Place($key: String!) {
  placeOrder(input: {
    idempotencyKey: $key
    channel: "web"
    email: "ada@example.com"
    lines: [{ sku: "W1001-WHT-M", quantity: 1 }]
    fulfillment: { delivery: { address: {
      name: "Ada Rossi", line1: "Via Roma 1"
      postalCode: "20121", city: "Milano", country: "IT"
    } } }
    payments: [{ method: CARD, token: "ok" }]
  }) {
    accessToken
    order { id number status totals { total { amount currency } } }
    userErrors { code message path }
  }
}
`,
      variables: JSON.stringify({ key: crypto.randomUUID() }, null, 2),
    },
    {
      query: `# An order's every step, live. Put in its id and access
# token below and press ▶. Staff need no access token, but
# {"authorization": "Bearer …"} under Headers.
subscription Follow($order: ID!, $token: String) {
  orderStatusChanged(orderId: $order, accessToken: $token, after: "") {
    cursor
    event { kind summary at }
    order { status fulfillmentStatus }
  }
}
`,
      variables: JSON.stringify({ order: "", token: "" }, null, 2),
    },
  ];

  let client = null;
  let shown = null;

  /** One socket for all subscriptions; another token, another socket. */
  function socket(authorization) {
    if (!client || shown !== authorization) {
      client?.dispose();
      shown = authorization;
      client = graphqlWs.createClient({
        url: url.replace(/^http/, "ws"),
        connectionParams: authorization ? { authorization } : {},
      });
    }
    return client;
  }

  function authorizationOf(headers) {
    const name = Object.keys(headers ?? {}).find((each) => each.toLowerCase() === "authorization");
    return name && headers[name];
  }

  function isSubscription(document, name) {
    const operations = document?.definitions.filter((each) => each.kind === "OperationDefinition") ?? [];
    return operations.find((each) => !name || each.name?.value === name)?.operation === "subscription";
  }

  /** What ended a socket, as GraphiQL can show it. */
  function readable(error) {
    return error instanceof CloseEvent ? new Error(`The connection was closed: ${error.reason || error.code}.`) : error;
  }

  function fetcher(parameters, { headers, documentAST } = {}) {
    if (isSubscription(documentAST, parameters.operationName)) {
      return {
        subscribe: (observer) => ({
          unsubscribe: socket(authorizationOf(headers)).subscribe(parameters, {
            next: (result) => observer.next(result),
            error: (error) => observer.error(readable(error)),
            complete: () => observer.complete(),
          }),
        }),
      };
    }
    return fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(parameters),
    }).then((response) => response.json());
  }

  ReactDOM.createRoot(document.getElementById("graphiql")).render(
    React.createElement(GraphiQL, { fetcher, defaultTabs: tabs, defaultEditorToolsVisibility: "variables" }),
  );
})();
