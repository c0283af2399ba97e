// Shows times in the reader's time zone, and buttons that show a password while it is typed. Pages
// work without it.
"use strict";

const local = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
  timeZoneName: "short",
});
for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = time.textContent;
  time.textContent = local.format(new Date(time.dateTime));
}

for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "look";
  button.setAttribute("aria-controls", input.id);
  const label = document.querySelector(`label[for="${input.id}"]`).textContent;
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    input.spellcheck = false;
    button.textContent = shown ? "Hide password" : "Show password";
    button.setAttribute("aria-label", `${button.textContent}: ${label}`);
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  show(false);
  input.after(button);
}
