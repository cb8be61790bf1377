// Sends the image on stdin with fetch, in each of the ways that a page does, and prints each response on a line.
const [url, model] = process.argv.slice(2);
const chunks = [];
for await (const chunk of process.stdin) {
    chunks.push(chunk);
}
const image = Buffer.concat(chunks);
const form = new FormData();
form.append('data', new Blob([image], {type: 'image/jpeg'}), 'photo.jpg');
form.append('top_k', '1');
const text = JSON.stringify({instances: [{b64: image.toString('base64')}]}); // fetch calls a string text/plain
const dataUrl = `data:image/jpeg;base64,${image.toString('base64')}`; // what a canvas gives
for (const [route, body] of [
    [`predictions/${model}`, image],
    [`predictions/${model}`, new Blob([image], {type: 'image/jpeg'})],
    [`predictions/${model}`, form],
    [`v1/models/${model}:predict`, text],
    [`predictions/${model}`, dataUrl],
]) {
    const response = await fetch(`${url}/${route}`, {method: 'POST', body});
    console.log(JSON.stringify(await response.json()));
}
