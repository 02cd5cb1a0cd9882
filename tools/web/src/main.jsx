import { render } from "preact";
import { App } from "./app.jsx";
import "./style.css";

const place = document.getElementById("app");
place.textContent = "";
render(<App />, place);
