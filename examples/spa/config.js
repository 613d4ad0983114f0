// What this copy is told of its service. The service itself writes config.json at /app; elsewhere it is a plain file.

/** Where the app is served, with a slash at its end. */
export const base = new URL(document.baseURI);

export const config = await fetch(new URL("config.json", base)).then(answer => answer.json()).catch(error => {
    document.querySelector("#app").textContent = "config.json cannot be read.";
    throw error;
});
