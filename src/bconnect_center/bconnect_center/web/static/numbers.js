// The one thing paper needs a script for.
document.getElementById("print")?.addEventListener("click", () => print());
