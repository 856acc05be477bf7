import pathlib
import tempfile
import unittest

import data
from errors import Failure


class Adapters(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.root = pathlib.Path(work.name)

    def write(self, *paths, text=""):
        for path in paths:
            path = self.root / path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def read(self, name):
        """(picture's path below the set, subject, expression) of every sample."""
        folder = self.root / name.partition(":")[2] if ":" in name else self.root / name
        argument = name.replace(":", f":{self.root}/", 1) if ":" in name else str(folder)
        return [(str(s.picture.relative_to(folder)), s.subject, s.expression) for s in data.read(argument)]

    def test_ck_plus(self):
        for frame in (1, 2, 11):
            self.write(f"ck/cohn-kanade-images/S005/001/S005_001_{frame:08}.png")
            self.write(f"ck/cohn-kanade-images/S005/002/S005_002_{frame:08}.png")
            self.write(f"ck/cohn-kanade-images/S006/001/S006_001_{frame:08}.png")
        self.write("ck/Emotion/S005/001/S005_001_00000011_emotion.txt", text="   3.0000000e+00\n")
        self.write("ck/Emotion/S006/001/S006_001_00000011_emotion.txt", text="   2.0000000e+00\n")
        images = "cohn-kanade-images/S005/001/S005_001_"
        expected = [
            (f"{images}00000011.png", "ck+/S005", "disgust"),
            (f"{images}00000001.png", "ck+/S005", "neutral"),
        ]
        self.assertEqual(self.read("ck"), expected)

    def test_ck_plus_without_its_labels(self):
        self.write("ck/cohn-kanade-images/S005/001/S005_001_00000001.png")
        with self.assertRaisesRegex(Failure, "looks like CK\\+ but has no folder Emotion: unpack all"):
            self.read("ck")

    def test_ck_plus_with_a_damaged_label(self):
        self.write("ck/cohn-kanade-images/S1/1/a1.png", "ck/cohn-kanade-images/S1/1/a2.png")
        self.write("ck/Emotion/S1/1/a2_emotion.txt", text="happy")
        with self.assertRaisesRegex(
            Failure, "a2_emotion.txt: expected one number such as 3.0000000e\\+00, found 'happy'"
        ):
            self.read("ck")

    def test_bu_4dfe(self):
        self.write(*(f"bu/F001/Happy/{frame:03}.jpg" for frame in range(9)))
        expected = [
            ("F001/Happy/004.jpg", "bu-4dfe/F001", "happiness"),
            ("F001/Happy/000.jpg", "bu-4dfe/F001", "neutral"),
        ]
        self.assertEqual(self.read("bu"), expected)
        self.write("bu/M002/Sad/000.jpg")
        with self.assertRaisesRegex(Failure, "M002/Sad: has 1 pictures, expected a sequence"):
            self.read("bu")

    def test_jaffe(self):
        self.write("jaffe/KA.AN1.39.tiff", "jaffe/YM.NE3.51.tiff", "jaffe/KR.SA3.79.tiff")
        expected = [("KA.AN1.39.tiff", "jaffe/KA", "anger"), ("KR.SA3.79.tiff", "jaffe/KR", "sadness"),
                    ("YM.NE3.51.tiff", "jaffe/YM", "neutral")]  # fmt: skip
        self.assertEqual(self.read("jaffe"), expected)
        self.write("jaffe/holiday.jpg")
        with self.assertRaisesRegex(Failure, "holiday.jpg: is not named as JAFFE names its pictures: KA.AN1.39.tiff"):
            self.read("jaffe")

    def test_wsefep(self):
        self.write("w/WSEFEP pictures/MK_anger_1234.jpg", "w/WSEFEP pictures/AD_joy_22.jpg")
        expected = [("WSEFEP pictures/AD_joy_22.jpg", "wsefep/AD", "happiness"),
                    ("WSEFEP pictures/MK_anger_1234.jpg", "wsefep/MK", "anger")]  # fmt: skip
        self.assertEqual(self.read("w"), expected)

    def test_fega(self):
        self.write("FEGA/07/session 1/sadness/3.jpg", "FEGA/08/08_fear_1.png")
        expected = [("07/session 1/sadness/3.jpg", "fega/07", "sadness"), ("08/08_fear_1.png", "fega/08", "fear")]
        self.assertEqual(self.read("FEGA"), expected)
        self.assertEqual(self.read("fega:FEGA"), expected)
        self.write("FEGA/08/picture.png")
        with self.assertRaisesRegex(Failure, "picture.png: neither its name nor its folders name an expression"):
            self.read("FEGA")

    def test_plain(self):
        self.write(
            "mine/anna/Happy/1.jpg", "mine/anna/neutral/2.png", "mine/ben/fear/3.webp", "mine/ben/fear/notes.txt"
        )
        expected = [("anna/Happy/1.jpg", "mine/anna", "happiness"), ("anna/neutral/2.png", "mine/anna", "neutral"),
                    ("ben/fear/3.webp", "mine/ben", "fear")]  # fmt: skip
        self.assertEqual(self.read("mine"), expected)
        self.write("mine/ben/contempt/3.jpg")
        with self.assertRaisesRegex(Failure, "ben/contempt: is named after no expression"):
            self.read("mine")

    def test_synthetic(self):
        self.write("set/pictures/001/anger/0.jpg")
        header = "picture,moved,subject,expression,family,variant,strength\n"
        self.write("set/faces.csv", text=header + "pictures/001/anger/0.jpg,moved/0.png,001,anger,shout,0,0.9\n")
        sample = data.read(str(self.root / "set"))[0]
        self.assertEqual((sample.subject, sample.expression, sample.family), ("synthetic/001", "anger", "shout"))
        self.write("set/faces.csv", text=header + "pictures/002/anger/0.jpg,m,002,anger,shout,0,0.9\n")
        with self.assertRaisesRegex(Failure, "faces.csv, line 2: the picture .*002/anger/0.jpg is not there"):
            data.read(str(self.root / "set"))
        self.write("set/faces.csv", text="picture,subject\n")
        with self.assertRaisesRegex(Failure, "lacks the columns expression, family"):
            data.read(str(self.root / "set"))

    def test_nothing_that_is_known(self):
        self.write("other/readme.txt")
        with self.assertRaisesRegex(Failure, "it holds readme.txt. Expected one of\n  ck\\+: cohn-kanade-images/S005"):
            self.read("other")
        with self.assertRaisesRegex(Failure, "nowhere: is no folder"):
            self.read("nowhere")
