// The same request in other languages. The token is read from the environment, so that no copy holds it.

// A word of a shell.
function word(text) {
  const plain = text.startsWith("-") ? `./${text}` : text;
  return /^[\w@%+:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", `'\\''`)}'`;
}

const programs = {
  // Without --globoff, curl takes brackets and braces for patterns.
  curl: (name) =>
    `curl ${/[[\]{}]/.test(name) ? "--globoff " : ""}${token ? '-H "Authorization: Bearer $TOKEN" ' : ""}` +
    `-T ${word(name)} ${word(address)}`,
  // What JSON writes for a text is one in Python and in JavaScript too.
  python: (name) => `${token ? "import os\n\n" : ""}import requests

with open(${JSON.stringify(name)}, "rb") as file:
    response = requests.post(
        ${JSON.stringify(address)},
        data=file,${token ? `\n        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},` : ""}
    )
print(response.json())`,
  javascript: (name) => `import { readFile } from "node:fs/promises";

const response = await fetch(${JSON.stringify(address)}, {
  method: "POST",
  body: await readFile(${JSON.stringify(name)}),${
    token ? "\n  headers: { Authorization: `Bearer ${process.env.TOKEN}` }," : ""
  }
});
console.log(await response.json());`,
};
