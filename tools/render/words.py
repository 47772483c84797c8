"""What makers write: anchors of serial numbers in several languages, makers, rating lines.

Makers and product names are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from serials import ALNUM, DIGITS, LETTERS, Identifier, pick


@dataclass(frozen=True)
class Language:
    """Words of one language; `face` is set where the script needs a font of its own."""

    serial: tuple[str, ...]
    model: tuple[str, ...]
    part: tuple[str, ...]
    asset: tuple[str, ...]
    date: tuple[str, ...]
    made: tuple[str, ...]
    supply: tuple[str, ...]
    weight: str
    face: str | None = None


LANGUAGES: tuple[tuple[int, Language], ...] = (
    (60, Language(
        ("S/N", "S/N:", "S/N:", "SN:", "SN", "Serial No.", "Serial No.:", "Serial No:",
         "SERIAL NO.", "Serial Number", "Serial Number:", "SERIAL NUMBER:", "Serial #:",
         "SERIAL #:", "Serial", "Ser. No.", "SER NO", "(S) S/N:", "S/No.", "Serial ID:"),
        ("Model:", "Model", "MODEL NO.", "Model No.:", "M/N:", "Type:", "Product:"),
        ("P/N:", "PN:", "Part No.", "P/N", "(1P) P/N:", "SKU:"),
        ("ASSET TAG", "Asset No.", "Asset ID:", "PROPERTY TAG", "Inventory No."),
        ("Date:", "MFG DATE", "Mfd:", "Date of Mfg:", "DOM"),
        ("Made in China", "Made in Vietnam", "Made in Taiwan", "Assembled in Mexico",
         "Designed in Finland, made in Estonia", "Made in Malaysia"),
        ("Input:", "INPUT", "Rating:", "Power:"), "Weight")),
    (12, Language(
        ("Seriennummer:", "Serien-Nr.:", "Seriennr.", "Fabr.-Nr.:", "Fabrik-Nr.", "Fertigungs-Nr.",
         "Geräte-Nr.:", "S-Nr.:", "Masch.-Nr.", "Zähler-Nr."),
        ("Typ:", "Modell:", "Typ", "Baureihe:"), ("Art.-Nr.:", "Best.-Nr.", "E-Nr.:"),
        ("Inventar-Nr.", "Inventarnummer"), ("Baujahr", "Baujahr:", "Herst.-Datum:"),
        ("Hergestellt in Deutschland", "Made in Germany"), ("Spannung:", "Nennspannung:", "U:"),
        "Gewicht")),
    (7, Language(
        ("N° de série", "N° de série :", "No. de série", "N° série:", "Numéro de série :"),
        ("Modèle :", "Type :"), ("Réf. :", "Référence :"), ("N° d'inventaire",),
        ("Année", "Date :"), ("Fabriqué en France", "Fabriqué en Chine"),
        ("Alimentation :", "Tension :"), "Poids")),
    (6, Language(
        ("Nº de serie:", "N.º de serie", "Número de serie:", "Nº Serie:", "No. de serie"),
        ("Modelo:", "Tipo:"), ("Ref.:", "Referencia:"), ("Nº de inventario",),
        ("Fecha:", "Año:"), ("Hecho en México", "Fabricado en España"),
        ("Entrada:", "Tensión:"), "Peso")),
    (4, Language(
        ("Matricola", "N. di serie:", "N° matricola:", "Numero di serie:"),
        ("Modello:", "Tipo:"), ("Cod. art.:", "Codice:"), ("N. inventario",),
        ("Anno", "Data:"), ("Fabbricato in Italia",), ("Ingresso:", "Tensione:"), "Peso")),
    (7, Language(
        ("序列号", "序列号:", "序列号：", "产品序列号:", "出厂编号", "机身编号:", "S/N 序列号:"),
        ("型号:", "产品型号:", "型号"), ("料号:", "物料编码:"), ("资产编号",),
        ("生产日期:", "出厂日期"), ("中国制造",), ("输入:", "额定电压:"), "重量", "cjk")),
    (2, Language(
        ("製造番号", "製造番号:", "シリアル番号:"), ("型名", "形式:"), ("部品番号:",),
        ("管理番号",), ("製造年月",), ("日本製",), ("入力:", "電源:"), "質量", "cjk")),
    (2, Language(
        ("Серийный номер:", "Серийный №", "Зав. №", "Заводской №:"), ("Модель:", "Тип:"),
        ("Артикул:",), ("Инв. №",), ("Дата:",), ("Сделано в России",), ("Питание:",), "Масса")),
)

MAKERS = ("NORVIK", "Telmar", "Aurelon", "HELIX DATA", "Brightwell", "Kestrel Systems", "ORDIN",
          "Lumetra", "Voltane", "Quarry Networks", "Sundholm", "TAKERO", "Meridian", "Ostara",
          "Pinecrest Audio", "FALKEN", "Zephyra", "Corvid Labs", "Hallmann", "NEXOR")
GOODS = ("Wireless Router", "Gigabit Switch", "Notebook Computer", "LCD Monitor", "AC Adapter",
         "Network Camera", "Laser Printer", "Solid State Drive", "Power Supply", "Tablet PC",
         "Access Point", "Digital Multimeter", "Optical Transceiver", "UPS", "Dishwasher",
         "Thermostat", "Barcode Scanner", "Electric Motor", "Inverter", "Docking Station")
OWNERS = ("CITY OF HARLOW", "Northgate University", "Aster Logistics", "STATE LIBRARY",
          "Museum of Radio", "Harbour Clinic", "Hillside School District", "Dept. of Works")


def language(rng: Random) -> Language:
    """A language, English most of the time."""
    return rng.choices([lang for _, lang in LANGUAGES], [weight for weight, _ in LANGUAGES])[0]


def serial_anchor(rng: Random, lang: Language, code: Identifier) -> str:
    """The word that announces `code`."""
    if code.kind == "vin":
        return rng.choice(("VIN:", "VIN", "V.I.N.", "Vehicle Identification Number"))
    if code.kind == "imei":
        return rng.choice(("IMEI:", "IMEI", "IMEI 1:"))
    if code.kind == "mac":
        return mac_anchor(rng)
    if code.kind == "asset":
        return rng.choice(lang.asset)
    if code.format == "dell-7" and lang.face is None and rng.random() < 0.7:
        return rng.choice(("Service Tag:", "Service Tag", "SERVICE TAG", "Service Tag (S/N):",
                           "SVC TAG:", "ST:"))
    return rng.choice(lang.serial)


def mac_anchor(rng: Random) -> str:
    """A word before a MAC address."""
    return rng.choice(("MAC:", "MAC", "MAC ID:", "MAC Address:", "WLAN MAC:", "LAN MAC", "Eth0:"))


def model_name(rng: Random) -> str:
    """A model's name, as short codes go."""
    grade = rng.choice(("Pro", "Plus", "Mini", "G3"))
    return rng.choice((
        f"{pick(rng, LETTERS, 2)}-{pick(rng, DIGITS, 4)}",
        f"{pick(rng, LETTERS, 1)}{pick(rng, DIGITS, 4)}{pick(rng, LETTERS, 1)}",
        f"{pick(rng, LETTERS, 3)}{pick(rng, DIGITS, 3)}",
        f"{pick(rng, LETTERS, 2)}{pick(rng, DIGITS, 2)} {grade}"))


def rating(rng: Random) -> str:
    """Voltage, current and what goes with it."""
    return rng.choice((
        f"100-240V~ 50/60Hz {rng.uniform(0.3, 3):.1f}A",
        f"DC {rng.choice((5, 12, 19, 24, 48))}V {rng.uniform(0.5, 6):.2f}A",
        f"{rng.choice((110, 120, 230))} V AC  {rng.choice((50, 60))} Hz  {rng.randrange(2, 90)}0 W",
        f"~ 230 V; 50 Hz; P max: {rng.uniform(0.4, 3.6):.1f} kW",
        f"{rng.choice((12, 20))}V DC, {rng.uniform(1, 5):.1f}A max."))


def date(rng: Random) -> str:
    """A date of manufacture."""
    year, month, day = rng.randrange(2009, 2026), rng.randrange(1, 13), rng.randrange(1, 29)
    return rng.choice((f"{year}-{month:02d}-{day:02d}", f"{month:02d}/{year}",
                       f"{year}/{month:02d}", f"{day:02d}.{month:02d}.{year}", f"{year}"))


def legal(rng: Random) -> str:
    """A line that identifies nothing."""
    phone = " ".join(pick(rng, DIGITS, n) for n in (3, 3, 4))
    return rng.choice((
        "This device complies with Part 15 of the FCC Rules.",
        "CAN ICES-3 (B)/NMB-3(B)", "Complies with 21 CFR 1040.10 and 1040.11",
        "For indoor use only", "CAUTION: Risk of electric shock. Do not open.",
        f"IC: {pick(rng, DIGITS, 4)}A-{pick(rng, ALNUM, 6)}", f"R-{pick(rng, DIGITS, 8)}",
        "IS 13252 (Part 1)/IEC 60950-1", f"E{pick(rng, DIGITS, 6)}  UL LISTED  I.T.E.",
        f"Rev. {rng.choice('ABCD')}{rng.randrange(1, 9)}   HW: 1.{rng.randrange(9)}",
        f"FW {rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(200)}",
        f"Tel. +{rng.randrange(1, 90)} {phone}",
        "www.example.com/support", "Patents pending. All rights reserved."))
