// Gives the waiting tab the new session's token, and closes this one.
if (window.opener) {
  window.opener.postMessage({ csrf: document.body.dataset.csrf }, location.origin);
  window.close();
}
