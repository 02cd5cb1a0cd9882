// Every call that the page makes of the server, view by view, in one browser. looks.test.js has the rest.
import "./session.js";
import "./create.js";
import "./manage.js";
import "./revoke.js";
import "./accounts.js";
