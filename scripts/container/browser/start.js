// Renders the OpenAPI document of the server that this page comes from, light or dark as the reader has it.
const dark = matchMedia("(prefers-color-scheme: dark)");
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch"];

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

// Returns a path's operations with the parameters that stand beside them: Swagger UI 5.31 shows those, where they are
// references, without names in the first operation that is opened, which cannot be tried then.
function withParameters({ parameters = [], ...path }) {
  for (const method of METHODS.filter((each) => path[each])) {
    path[method] = { ...path[method], parameters: [...parameters, ...(path[method].parameters ?? [])] };
  }
  return path;
}

// Swagger UI would send the examples of optional parameters, such as another class or a trace, unless the reader clears them.
function withoutExample({ examples, ...parameter }) {
  return parameter.required ? { ...parameter, examples } : parameter;
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

const adapt = (original) => (read) => original(read.paths ? {
  ...read,
  paths: mapped(read.paths, withParameters),
  components: { ...read.components, parameters: mapped(read.components.parameters, withoutExample) },
} : read);

dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  plugins: [{ statePlugins: { spec: { wrapActions: { updateJsonSpec: adapt } } } }],
});
