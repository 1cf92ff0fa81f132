// Walks the whole chain on the server and says what came out.
import { call, toast } from "./base.js";

const button = document.getElementById("verify");
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const told = await call("/api/audit/whole");
    toast(told.whole ? button.dataset.whole : `${button.dataset.broken} ${told.sentence}`, !told.whole);
  } catch (error) {
    toast(error.message, true);
  }
  button.disabled = false;
});
