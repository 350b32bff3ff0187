/* The page's letters and signs are read in before anything is drawn with them: else the first drawing looks every size and weight
   up among the system's fonts, and again when they are there. */
(function () {
  "use strict";
  if (document.fonts) document.fonts.load('1rem "Inter Variable"', "A◆").catch(() => {}); // the system's stand in
})();
