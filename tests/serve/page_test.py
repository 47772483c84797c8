"""The page in a real browser: every flow a person goes through.

usage: page_test.py PROGRAM PICTURE TEXT

Needs Chromium, its driver and Selenium; without one of them it is skipped (exit status 77). The
camera is Chromium's own, which shows PICTURE. With PAGE_SCREENSHOTS=FOLDER it leaves
screenshots there.
"""
import base64
import csv
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import zipfile

from running_service import PICTURE, PICTURE_PATH, PROGRAM, TEXT, Server, main, multipart, until

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("SKIP: Selenium is missing (python3-selenium)")
    sys.exit(77)

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not BROWSER or not DRIVER:
    print("SKIP: Chromium or its driver is missing (chromium, chromium-driver)")
    sys.exit(77)

SCREENSHOTS = os.environ.get("PAGE_SCREENSHOTS")
NARROW, WIDE = (360, 740), (1100, 900)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="serialeye-page-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        # A video of the one picture, as Chromium takes it for a camera.
        video = os.path.join(cls.folder, "camera.mjpeg")
        pathlib.Path(video).write_bytes(PICTURE * 3)
        cls.broken = os.path.join(cls.folder, "broken.jpg")
        pathlib.Path(cls.broken).write_bytes(PICTURE[:300])
        cls.other = os.path.join(cls.folder, "other.jpg")
        shutil.copy(PICTURE_PATH, cls.other)
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         f"--user-data-dir={cls.folder}/profile", "--use-fake-ui-for-media-stream",
                         "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}"):
            options.add_argument(argument)
        options.accept_insecure_certs = True  # as a person does who trusts the certificate of tls = auto
        options.add_experimental_option("prefs", {"download.default_directory": cls.folder})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service(DRIVER), options=options)
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.set_window_size(*WIDE)
        self.open()
        self.browser.execute_script("localStorage.clear(); sessionStorage.clear()")
        self.open()

    def tearDown(self):
        # The browser's console holds what scripts failed with and what the page's policy forbade.
        complaints = [entry["message"] for entry in self.browser.get_log("browser")
                      if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]
        self.assertEqual(complaints, [])

    def open(self, host="localhost"):
        self.browser.get(f"http://{host}:{self.server.port}/")
        until(lambda: self.text("service") == "Ready", "the page")

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, id_):
        return self.browser.find_element(By.ID, id_).text

    def rows(self):
        return self.all("#rows tr")

    def choose(self, *paths):
        before = len(self.rows())
        self.one("#files").send_keys("\n".join(paths))
        until(lambda: len(self.rows()) == before + len(paths), "the rows")

    def detail(self, row=0):
        self.rows()[row].find_element(By.CSS_SELECTOR, "button.serial").click()
        until(lambda: self.one("#detail").get_attribute("open") is not None, "the detail")

    def show(self, name):
        if SCREENSHOTS:
            self.browser.save_screenshot(os.path.join(SCREENSHOTS, name + ".png"))

    def test_pictures_into_a_table(self):
        self.choose(PICTURE_PATH, self.broken)
        states = {row.find_element(By.CSS_SELECTOR, "td.picture").text.split("\n")[0]: row for row in self.rows()}
        read = states[os.path.basename(PICTURE_PATH)]
        self.assertEqual(read.find_element(By.CSS_SELECTOR, "button.serial").text, TEXT)
        self.assertEqual(read.find_element(By.CSS_SELECTOR, "td.kind").text, "serial")
        self.assertEqual(states["broken.jpg"].get_attribute("data-state"), "failed")
        self.assertEqual(self.all(".badge.twice"), [])
        self.assertIn("2 pictures", self.text("counts"))
        self.show("table")
        self.choose(self.other)
        self.assertEqual(len(self.all(".badge.twice")), 2)
        self.assertIn("1 serial number more than once", self.text("counts"))
        self.open()
        self.assertEqual(len(self.rows()), 3, "the table is kept")

    def test_search_and_filter(self):
        self.choose(PICTURE_PATH, self.other, self.broken)
        search = self.one("#search")
        for words, count in ((TEXT[2:6].lower(), 2), ("other", 1), ("nothing like it", 0), ("", 3)):
            search.clear()
            search.send_keys(words or " ")
            until(lambda count=count: len(self.rows()) == count, f"{count} rows for {words!r}")
        for value, count in (("twice", 2), ("failed", 1), ("all", 3)):
            self.one(f'#filter option[value="{value}"]').click()
            until(lambda count=count: len(self.rows()) == count, f"{count} rows of {value}")

    def test_detail_and_correction(self):
        self.choose(PICTURE_PATH)
        self.detail()
        self.assertEqual(self.text("detail-title"), TEXT)
        self.assertTrue(self.one("#detail polygon.first").is_displayed())
        self.assertGreater(self.browser.execute_script("return document.querySelector('#detail img').naturalWidth"), 0)
        self.assertEqual("".join(one.text.split("\n")[0] for one in self.all("#detail .chars li")), TEXT)
        self.show("detail")
        box = self.one("#detail .answer input")
        box.clear()
        box.send_keys("fixed-123")
        self.one("#detail .answer .main").click()
        row = self.rows()[0]
        self.assertEqual(row.find_element(By.CSS_SELECTOR, "button.serial").text, "FIXED-123")
        self.assertEqual(row.get_attribute("data-state"), "checked")
        until(lambda: self.server.get("/v1/readings?q=FIXED-123").json()["readings"], "the correction in the store")
        kept = self.server.get("/v1/readings?q=FIXED-123").json()["readings"][0]
        self.assertEqual([kept["text"], kept["corrected"]], [TEXT, "FIXED-123"])

    def test_one_tap_swaps_a_character(self):
        self.choose(PICTURE_PATH)
        # Which characters are doubtful depends on the picture: the answer is given one.
        self.browser.execute_script("""
            const rows = JSON.parse(localStorage.getItem("serialeye-rows"));
            Object.assign(rows[0].result.readings[0].chars[3], {status: "confused", p: 0.6, alt: "B", alt_p: 0.4});
            localStorage.setItem("serialeye-rows", JSON.stringify(rows));""")
        self.open()
        self.assertEqual(len(self.all("#rows .confused")), 1)
        self.detail()
        button = self.one("#detail .chars button.confused")
        box = self.one("#detail .answer input")
        for expected, pressed in ((TEXT[:3] + "B" + TEXT[4:], "true"), (TEXT, "false")):
            button.click()
            self.assertEqual([box.get_attribute("value"), button.get_attribute("aria-pressed")], [expected, pressed])

    def test_removing(self):
        self.choose(PICTURE_PATH, self.broken)
        self.detail()
        next(one for one in self.all("#detail button") if one.text == "Remove").click()
        until(lambda: len(self.rows()) == 1, "one row")
        self.one("#clear").click()
        self.browser.switch_to.alert.accept()
        until(lambda: not self.rows(), "an empty table")
        self.assertTrue(self.one("#nothing").is_displayed())

    def test_tables_to_take_away(self):
        self.choose(PICTURE_PATH)
        for id_, name in (("csv", "serials.csv"), ("jsonl", "serials.jsonl")):
            self.one("#" + id_).click()
            path = os.path.join(self.folder, name)
            until(lambda path=path: os.path.exists(path), name)
        with open(os.path.join(self.folder, "serials.csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([rows[0]["text"], rows[0]["file"]], [TEXT, os.path.basename(PICTURE_PATH)])

    def test_earlier_readings(self):
        self.server.read(query="?name=from-elsewhere.jpg")
        self.one("#search").send_keys("from-elsewhere")
        self.one("#earlier").click()
        until(lambda: len(self.rows()) == 1, "the reading of another client")
        self.assertIn("1 earlier readings; there are no others", self.text("service"))
        self.detail()
        until(lambda: self.all("#detail .chars li"), "its characters")
        self.one("#detail-close").click()
        self.one("#earlier").click()
        until(lambda: self.text("service").startswith("0 earlier"), "nothing new")
        self.assertEqual(len(self.rows()), 1)

    def test_table_of_the_service(self):
        for name in ("book-one.jpg", "book-two.jpg"):
            self.server.read(query="?name=" + name)
        until(lambda: len(self.server.get("/v1/readings?q=book-").json()["readings"]) == 2, "two readings")
        self.one("#search").send_keys("book-one")
        self.one("#xlsx").click()
        path = os.path.join(self.folder, "readings.xlsx")
        until(lambda: os.path.exists(path), "the file")
        with zipfile.ZipFile(path) as book:
            text = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
        self.assertIn("book-one.jpg", text)
        self.assertIn(TEXT, text)
        self.assertNotIn("book-two.jpg", text)

    def drop(self, path):
        """A file from elsewhere, dragged over the page and let go."""
        data = {"items": [], "files": [path], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 200, "data": data})
            if kind == "dragOver":
                self.assertIn("over", self.one("#drop").get_attribute("class").split())

    def test_dropping(self):
        self.drop(PICTURE_PATH)
        until(lambda: len(self.rows()) == 1, "the row")
        self.assertEqual(self.rows()[0].find_element(By.CSS_SELECTOR, "button.serial").text, TEXT)
        self.assertNotIn("over", self.one("#drop").get_attribute("class").split())
        notes = os.path.join(self.folder, "notes.txt")
        pathlib.Path(notes).write_text("no picture", encoding="ascii")
        self.drop(notes)
        until(lambda: self.text("service") == "1 file was left out: no picture.", "the word on it")

    def test_pasting(self):
        self.browser.execute_script("""
            const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "pasted.jpg", {type: "image/jpeg"}));
            document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));""",
            base64.b64encode(PICTURE).decode())
        until(lambda: len(self.rows()) == 1, "the row")
        self.assertEqual(self.rows()[0].find_element(By.CSS_SELECTOR, "button.serial").text, TEXT)
        self.assertIn("pasted.jpg", self.rows()[0].text)

    def test_kept_pictures(self):
        """What an earlier visit or another client had read is shown, where the service keeps pictures."""
        server = Server("keep_pictures=true")
        self.addCleanup(server.stop)
        body, headers = multipart([("f", "x", PICTURE[:300]), ("f", "back.jpg", PICTURE),
                                   ("same_device", None, b"true")])
        server.request("POST", "/v1/batch", body, headers)
        until(lambda: server.get("/v1/readings").json()["readings"], "the reading")
        self.browser.get(f"http://localhost:{server.port}/")
        until(lambda: self.text("service") == "Ready", "the page")
        self.choose(PICTURE_PATH)
        self.browser.refresh()
        self.one("#earlier").click()
        until(lambda: len(self.rows()) == 2, "both rows")
        for row in range(2):
            self.detail(row)
            width = "return document.querySelector('#detail img').naturalWidth"
            until(lambda: self.all("#detail img") and self.browser.execute_script(width) > 0, "the picture")
            self.assertTrue(self.one("#detail polygon.first").is_displayed())
            self.show(f"kept-{row}")
            self.one("#detail-close").click()

    def test_pictures_that_nobody_keeps(self):
        self.choose(PICTURE_PATH)
        self.open()
        self.detail()
        self.assertIn("kept by nobody", self.text("detail-body"))

    def unsure(self, times):
        """The page takes so many of the next answers for not sure."""
        self.browser.execute_script("""
            let left = arguments[0];
            const own = window.fetch;
            window.fetch = async (path, options) => {
              const response = await own(path, options);
              if (!path.startsWith("/v1/read?") || left-- <= 0) return response;
              const result = await response.json();
              for (const one of result.readings) one.status = "check";
              return new Response(JSON.stringify(result), {status: 200, headers: response.headers});
            };""", times)

    def listen(self):
        """Counts the sounds of the page."""
        self.browser.execute_script("""
            window.AudioContext = class extends window.AudioContext {
              constructor() { super(); window.sounded = (window.sounded || 0) + 1; }
            };""")

    def test_camera_until_sure(self):
        self.listen()
        self.unsure(10**6)
        self.one("#camera-open").click()
        until(lambda: self.one("#camera-accept").is_displayed(), "a reading that is not sure")
        self.assertEqual(self.text("camera-says"), f"{TEXT} … not sure yet")
        self.show("camera-unsure")
        self.assertEqual(self.rows(), [])
        self.one("#camera-accept").click()
        self.assertEqual(self.text("camera-says"), f"Found {TEXT}")
        self.assertEqual(len(self.rows()), 1)
        self.assertIsNone(self.browser.execute_script("return window.sounded"))
        self.open()
        self.listen()
        self.unsure(2)
        self.one("#camera-open").click()
        until(lambda: self.text("camera-says").startswith("Found"), "a sure one")
        self.assertEqual(self.browser.execute_script("return window.sounded"), 1)
        self.assertEqual(len(self.rows()), 2)
        self.assertFalse(self.one("#camera-accept").is_displayed())
        self.one("#camera-next").click()
        until(lambda: len(self.rows()) == 3, "the next device")
        self.one("#camera-close").click()

    def test_camera(self):
        self.one("#camera-open").click()
        until(lambda: self.text("camera-says").startswith("Found"), "the camera's serial number")
        self.assertEqual(self.text("camera-says"), f"Found {TEXT}")
        self.assertEqual(self.rows()[0].find_element(By.CSS_SELECTOR, "button.serial").text, TEXT)
        self.show("camera")
        self.one("#camera-close").click()
        self.assertFalse(self.one("#camera").is_displayed())

    def test_service_that_asks_for_a_key(self):
        server = Server("key_on_loopback=true")
        self.addCleanup(server.stop)
        self.browser.get(f"http://localhost:{server.port}/")
        until(lambda: self.text("service") == "Ready", "the page")
        self.one("#files").send_keys(PICTURE_PATH)
        until(lambda: self.one("#key-form").is_displayed(), "the question")
        self.show("key")
        run = subprocess.run([PROGRAM, "keys", "add", "page", "--set", f"store={server.folder}/service.db"],
                             capture_output=True, text=True, check=True)
        key = run.stdout.strip()
        until(lambda: server.get("/health", Authorization="Bearer " + key).status == 200, "the key")
        self.one("#key").send_keys(key)
        self.one("#key-form button").click()
        self.assertFalse(self.one("#key-form").is_displayed())
        self.choose(self.other)
        self.assertEqual(self.rows()[0].find_element(By.CSS_SELECTOR, "button.serial").text, TEXT)

    def test_telephone_over_https(self):
        """The address of the terminal, with its code, on another name than localhost: a key, then the camera."""
        server = Server("tls=auto", "host=0.0.0.0", "key_on_loopback=true", ready=False)
        self.addCleanup(server.stop)
        address = server.process.stdout.readline().split(": ", 1)[1].strip()
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": NARROW[0], "height": NARROW[1], "deviceScaleFactor": 1, "mobile": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.browser.get(address)
        until(lambda: self.text("service") == "Ready", "the page")
        until(lambda: self.browser.execute_script("return localStorage.getItem('serialeye-key')"), "the key")
        self.assertEqual(self.browser.execute_script("return location.hash"), "")
        self.assertTrue(self.browser.execute_script("return isSecureContext"))
        self.browser.execute_script("navigator.vibrate = (ms) => { window.vibrated = ms; return true; };")
        # A service looks at its keys once a second.
        self.one("#camera-open").click()
        until(lambda: self.text("camera-says").startswith("Found"), "the camera's serial number")
        self.assertEqual(self.text("camera-says"), f"Found {TEXT}")
        self.assertEqual(self.browser.execute_script("return window.vibrated"), 150)
        self.assertLessEqual(self.overflow(), 0)
        self.show("telephone-camera")
        self.one("#camera-close").click()
        self.browser.get(address)
        until(lambda: "no longer, good" in self.text("service") or self.text("service") == "Ready", "the second visit")
        self.choose(PICTURE_PATH)
        self.assertFalse(self.one("#key-form").is_displayed())

    def test_where_there_is_no_camera(self):
        """Over HTTP on another name the button asks for a photograph in place of the camera."""
        self.browser.execute_script("""
            Object.defineProperty(window, "isSecureContext", {value: false});
            document.getElementById("capture").addEventListener("click", (event) => {
              event.preventDefault();
              window.asked = true;
            });""")
        self.one("#camera-open").click()
        self.assertTrue(self.browser.execute_script("return window.asked"))
        self.assertFalse(self.one("#camera").is_displayed())

    def test_what_is_said_of_keeping(self):
        self.assertIn("not kept", self.text("nothing"))
        server = Server("keep_pictures=true")
        self.addCleanup(server.stop)
        self.browser.get(f"http://localhost:{server.port}/")
        until(lambda: "keeps them" in self.text("nothing"), "what it says of pictures")

    def test_many_pictures(self):
        """The progress of a long batch, and its end before its time."""
        pid = self.server.signal_worker(signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        paths = []
        for i in range(40):
            paths.append(os.path.join(self.folder, f"many-{i}.jpg"))
            pathlib.Path(paths[-1]).write_bytes(PICTURE[:300 + i])
        self.one("#files").send_keys("\n".join(paths))
        until(lambda: self.text("work-says") == "0 of 40 pictures read", "the beginning")
        self.assertTrue(self.one("#progress").is_displayed())
        self.show("progress")
        os.kill(pid, signal.SIGCONT)
        until(lambda: len(self.rows()) > 2, "the first rows")
        until(lambda: len(self.rows()) == 40, "all rows")
        self.assertFalse(self.one("#work").is_displayed())
        pid = self.server.signal_worker(signal.SIGSTOP)
        self.one("#files").send_keys("\n".join(paths))
        until(lambda: self.one("#stop").is_displayed(), "the button")
        self.one("#stop").click()
        until(lambda: self.text("service").startswith("Stopped; 40"), "the end")
        os.kill(pid, signal.SIGCONT)

    def overflow(self):
        return self.browser.execute_script("return document.documentElement.scrollWidth - innerWidth")

    def test_narrow_screens(self):
        # The window of a headless browser is never narrower than 500 pixels; its emulation is.
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": NARROW[0], "height": NARROW[1], "deviceScaleFactor": 1, "mobile": True})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        self.open()
        self.choose(PICTURE_PATH, self.broken)
        self.assertEqual(self.browser.execute_script("return innerWidth"), NARROW[0])
        self.assertLessEqual(self.overflow(), 0)
        self.show("narrow")
        self.detail(next(i for i, row in enumerate(self.rows()) if row.get_attribute("data-state") != "failed"))
        self.assertLessEqual(self.overflow(), 0)
        self.show("narrow-detail")

    def test_dark_and_light(self):
        grounds = []
        for scheme in ("dark", "light"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            grounds.append(self.browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
            self.show(scheme)
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"features": []})
        self.assertNotEqual(*grounds)

    def walk(self):
        """Where the tabulator key leads, in this order; each place shows that it has the focus."""
        focus = """
            const one = document.activeElement;
            const shown = one.id === "files" ? document.getElementById("drop") : one;
            return [one.id || one.className, getComputedStyle(shown).outlineStyle];"""
        self.browser.execute_script("document.activeElement.blur(); window.getSelection().removeAllRanges()")
        places = []
        for _ in range(30):
            ActionChains(self.browser).send_keys(Keys.TAB).perform()
            place, outline = self.browser.execute_script(focus)
            if not place or place in places:
                break
            self.assertEqual(outline, "solid", place)
            places.append(place)
        return places

    def test_keyboard_and_names(self):
        self.choose(PICTURE_PATH)
        unnamed = [one.get_attribute("outerHTML") for one in self.all("button, input, select, progress, dialog, section")
                   if one.is_displayed() and not one.accessible_name]
        self.assertEqual(unnamed, [])
        self.assertEqual(self.walk(), ["files", "camera-open", "search", "filter", "earlier", "csv", "jsonl", "xlsx",
                                       "clear", "serial"])
        button = self.one("#rows button.serial")
        button.send_keys("\ue007")  # Enter
        until(lambda: self.one("#detail").get_attribute("open") is not None, "the detail")
        self.browser.switch_to.active_element.send_keys("\ue00c")  # Escape
        until(lambda: self.one("#detail").get_attribute("open") is None, "its end")


if __name__ == "__main__":
    main()
