// The API's page: Swagger UI over our own description, with the token in a header and not in any address.

const TOKEN_KEY = "streamtrack.token"; // the viewer's page keeps it there, too

/** Takes the token out of the address before it is shown, kept in the history or sent on. */
function takeToken() {
  const url = new URL(location.href);
  const token = url.searchParams.get("token");
  if (token === null) return;
  sessionStorage.setItem(TOKEN_KEY, token);
  url.searchParams.delete("token");
  history.replaceState(null, "", url);
}

takeToken();
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // would send the description to another server
  requestInterceptor: (request) => {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const ours = new URL(request.url, location.href).origin === location.origin;
    if (token !== null && ours) request.headers.Authorization = `Bearer ${token}`;
    return request;
  },
});
