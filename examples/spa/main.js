// The beginning: the step-up question is put in its place, the first screen is shown, the idle clock runs.

import "./step-up.js";
import * as idle from "./idle.js";
import * as router from "./router.js";

router.start();
idle.start();
