// Everything that can be done on the page, view by view, in one browser. looks.test.js has the rest.
import "./session.js";
import "./create.js";
import "./manage.js";
import "./revoke.js";
import "./whm.js";
import "./accounts.js";
