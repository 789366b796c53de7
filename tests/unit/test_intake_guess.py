"""Encodings that nobody named, told from short lists of names such as real files hold."""

import pytest

from worker.intake.guess import guess

NAMES = {
    "German, Spanish and French": (
        "cp1252",
        "Jürgen Groß;José Peña;Hélène Lefèvre;Åsa Sjöström;João Gonçalves;O’Brien",
    ),
    "one accent": ("cp1252", "Zoë"),
    "punctuation alone": ("cp1252", "Smith – Jones;“Ada”"),
    "Icelandic": ("cp1252", "Guðrún Þorsteinsdóttir;Þórður Jónsson"),
    "Polish": ("cp1250", "Łukasz Wójcik;Małgorzata Dąbrowska;Żaneta Kowalczyk"),
    "Czech": ("cp1250", "Novák Jiří;Černý Tomáš;Růžička Petr;Němec Zdeněk;Šťastný Aleš"),
    "Hungarian": ("cp1250", "Tóth Győző;Kőszegi Ágnes;Szűcs Károly;Horváth Gergő"),
    "Turkish": ("cp1254", "Ayşe Yılmaz;Çağrı Şahin;Gülşen Işık;İbrahim Öztürk"),
    "Latvian": ("cp1257", "Jānis Bērziņš;Līga Kalniņa;Pēteris Ozoliņš"),
    "a Mac's French": ("mac_roman", "Hélène Lefèvre;François Côté;Jérôme Garçon"),
    "Russian": ("cp1251", "Иван Петров;Жанна;ИВАНОВ СЕРГЕЙ;Щукина Юлия"),
    "Russian in small letters": ("cp1251", "перезвонить позже;номер занят"),
    "Ukrainian": ("cp1251", "Їжакевич Іван;Євген Ґалаґан"),
    "Russian of Unix": ("koi8_r", "Иван Петров;Мария Сидорова"),
    "Russian of DOS": ("cp866", "Иван Петров;Мария Сидорова"),
    "Russian of a standard that few use": (
        "iso8859_5",
        ";".join(["Иван Петров", "Мария Сидорова", "Жанна Щукина", "Сергей Иванов", "Елена Смирнова"] * 4),
    ),
    "Greek": ("cp1253", "Γιώργος Παπαδόπουλος;Μαρία Νικολάου"),
    "Hebrew": ("cp1255", "שלום כהן;דוד לוי"),
    "Arabic": ("cp1256", "محمد علي;فاطمة حسن"),
    "Thai": ("cp874", ";".join(["สมชาย ใจดี", "สมหญิง รักไทย", "ประเสริฐ ศรีสุข", "วิชัย ทองคำ", "อรุณี แสงทอง"] * 4)),
    "Japanese": ("cp932", "山田太郎;髙橋一郎;㈱東京;サトウ;佐藤花子"),
    "Japanese of half width": ("cp932", "ﾀﾅｶ ﾀﾛｳ;ｻﾄｳ"),
    "Japanese of Unix": ("euc_jp", "山田太郎;サトウ;すずき"),
    "Chinese": ("gb18030", "王小明;李娜;张伟;刘洋"),
    "Chinese of Taiwan": ("big5", "王小明;陳怡君;林志豪;黃雅婷"),
    "Korean": ("cp949", "김철수;이영희;박지성"),
}


def rows(names: str, times: int) -> str:
    return "phone;name;street\n" + "".join(
        f"+1334793{n:04d};{x};Main St\n" for n, x in enumerate(names.split(";") * times)
    )


@pytest.mark.parametrize("times", [1, 100])
@pytest.mark.parametrize("language", NAMES)
def test_names_tell_their_encoding(language: str, times: int) -> None:
    encoding, names = NAMES[language]
    text = rows(names, times)
    found = guess(text.encode(encoding))
    assert text.encode(encoding).decode(found) == text, found


@pytest.mark.parametrize("language", NAMES)
def test_utf8_is_utf8_even_when_it_is_cut_within_a_character(language: str) -> None:
    data = rows(NAMES[language][1], 1).encode()
    for end in range(len(data) - 12, len(data)):
        assert data[:end].isascii() or guess(data[:end]) == "utf-8"


def test_utf8_with_some_damage_stays_utf8() -> None:
    assert guess(rows("Zoë;François;Müller", 1).encode() + b"+1;Zo\xeb\n") == "utf-8"


def test_bytes_that_make_sense_nowhere_are_read_somehow() -> None:
    for data in (b"\xff", b"\x80\x81\x8d", bytes(range(128, 256)), b"a\xff\xfe\xfdb\n" * 100):
        b"".decode(guess(data))
