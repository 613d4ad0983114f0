// Runs before the modules and in every browser, so it is written for the oldest. What is missing there would protect the
// account (CSP level 2) or is needed to show anything; browsers that have the rest also know SameSite and __Host- cookies.

(function () {
    var modern = "noModule" in document.createElement("script")
        && "SecurityPolicyViolationEvent" in window
        && "HTMLDialogElement" in window
        && "at" in Array.prototype;
    document.getElementById("app").hidden = !modern;
    document.getElementById("old-browser").hidden = modern;
})();
