// For those who hear the page: its language, and upload boxes and tiles named by what they show (Gradio names them in
// English, by number).
(() => {
  const name = () => {
    const language = document.querySelector("#languages [aria-current]");
    if (language) document.documentElement.lang = language.lang;
    for (const box of document.querySelectorAll("button[aria-label]:has(.wrap), button.thumbnail-item[aria-label]")) {
      const text = box.textContent.replace(/\s+/g, " ").trim();
      if (text && box.ariaLabel !== text) box.ariaLabel = text;
    }
  };
  new MutationObserver(name).observe(document, {childList: true, subtree: true});
  document.addEventListener("DOMContentLoaded", name);
})();
