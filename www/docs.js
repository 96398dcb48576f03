"use strict";

// validatorUrl: null, or Swagger UI sends the document's address to an outside validator.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  deepLinking: true,
});
