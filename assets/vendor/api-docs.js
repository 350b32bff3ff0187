/* Starts the page that documents the API: Swagger UI on /docs, Redoc on /redoc. Both read /openapi.json of this server and ask nobody else. */
(function () {
  "use strict";
  const swagger = document.getElementById("api");
  if (swagger) {
    window.SwaggerUIBundle({
      url: "/openapi.json",
      domNode: swagger,
      deepLinking: false,
      docExpansion: "none",
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      persistAuthorization: false,
      syntaxHighlight: { activate: true, theme: "agate" },
      tryItOutEnabled: true,
      validatorUrl: null,
    });
    return;
  }
  // The search would run in a worker made of a blob, which our policy does not let run; the browser's own search finds as much.
  window.Redoc.init("/openapi.json", { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true }, document.getElementById("reference"));
})();
