# ruff: noqa: RUF001 - Turkish has an i without a dot
"""What synthetic voices say when they answer, in many languages; each half has languages and voices of its own."""

from collections.abc import Sequence
from typing import Literal

#: `development`: thresholds are set on it. `held_out`: looked at while rules were added. `untouched`: looked at only
#: when the page is made, and nothing is set by it.
Half = Literal["development", "held_out", "untouched"]

#: What espeak-ng says: (voice, short greetings, greetings of people at work, announcements of machines).
TEXTS: dict[Half, list[tuple[str, list[str], list[str], list[str]]]] = {
    "development": [
        (
            "en",
            ["Hello?", "Yes?", "Hi.", "Hello, Peter speaking.", "Smith.", "Good morning."],
            [
                "Smith and Partners, good morning, how can I help?",
                "City library, this is Anna, what can I do for you?",
                "Thank you for calling Northern Motors, Mike speaking.",
                "Doctor Miller's practice, good afternoon.",
            ],
            [
                (
                    "Hello, you have reached the Johnson family. We are not at home, so please leave your name"
                    " and number after the tone, and we will call you back."
                ),
                "The person you are calling is not available. Please leave a message after the beep.",
                "Hi, this is Tom. I'm not here at the moment. Leave a message, and I will call you back soon.",
                "Welcome to Northern Motors. Our office is closed. We are open from Monday to Friday, nine to five.",
            ],
        ),
        (
            "de",
            ["Hallo?", "Ja bitte?", "Müller.", "Guten Tag."],
            [
                "Schmidt und Söhne, guten Tag, was kann ich für Sie tun?",
                "Praxis Doktor Weber, Sie sprechen mit Frau Klein.",
            ],
            [
                (
                    "Guten Tag, Sie sind mit dem Anschluss von Familie Schulz verbunden. Wir sind nicht erreichbar."
                    " Bitte hinterlassen Sie eine Nachricht nach dem Signalton."
                ),
                (
                    "Der Teilnehmer ist zur Zeit nicht erreichbar. Versuchen Sie es später noch einmal, sprechen Sie"
                    " auch nach dem Ton."
                ),
            ],
        ),
    ],
    "held_out": [
        (
            "pt",
            ["Alô?", "Sim?", "Pois não.", "Bom dia."],
            [
                "Silva e Associados, bom dia, em que posso ajudar?",
                "Farmácia Central, boa tarde, fala a Maria.",
            ],
            [
                (
                    "Olá, você ligou para a família Souza. Não podemos atender. Deixe o seu recado após o sinal, e nós"
                    " ligaremos mais tarde."
                ),
                "Sua chamada está sendo encaminhada para a caixa postal. Grave a sua mensagem após o sinal.",
            ],
        ),
        (
            "nl",
            ["Hallo?", "Ja?", "De Vries.", "Goedemorgen."],
            [
                "Bakkerij Jansen, goedemiddag, waarmee kan ik u helpen?",
                "Gemeente Utrecht, u spreekt met Karin de Boer.",
            ],
            [
                (
                    "Hallo, dit is de voicemail van Piet Bakker. Ik ben niet thuis. Spreek een bericht in na de"
                    " piep, dan bel ik u zo snel mogelijk terug."
                ),
                "De persoon die u belt is niet bereikbaar. U kunt na de toon een bericht inspreken.",
            ],
        ),
        (
            "pl",
            ["Halo?", "Słucham?", "Tak?", "Dzień dobry."],
            ["Kancelaria Nowak, dzień dobry, w czym mogę pomóc?", "Sekretariat szkoły, Anna Kowalska, słucham."],
            [
                (
                    "Dzień dobry, tu automatyczna sekretarka. Nie mogę odebrać telefonu. Proszę zostawić wiadomość po"
                    " sygnale, oddzwonię najszybciej jak to możliwe."
                ),
            ],
        ),
    ],
    "untouched": [
        (
            "sv",
            ["Hallå?", "Ja?", "Andersson.", "God morgon."],
            [
                "Vårdcentralen, du talar med Eva, vad gäller det?",
                "Bengtssons bygg, god dag, vad kan jag hjälpa till med?",
            ],
            [
                (
                    "Hej, du har kommit till familjen Lindgren. Vi kan inte svara just nu. Lämna ett meddelande efter"
                    " tonen, så ringer vi upp."
                ),
                "Abonnenten kan inte nås för tillfället. Tala in ett meddelande efter signalen, eller försök senare.",
            ],
        ),
        (
            "cs",
            ["Haló?", "Prosím?", "Ano?", "Novák."],
            ["Lékárna u nádraží, dobrý den, co si přejete?", "Účtárna, Jana Dvořáková, prosím?"],
            [
                (
                    "Dobrý den, dovolali jste se do rodiny Svobodových. Bohužel nejsme doma. Zanechte nám vzkaz po"
                    " zaznění tónu, ozveme se vám."
                ),
                "Volaný účastník není dostupný. Zkuste to prosím později, nebo zanechte vzkaz po zaznění signálu.",
            ],
        ),
        (
            "fi",
            ["Haloo?", "Niin?", "Virtanen.", "Hyvää huomenta."],
            ["Korhosen korjaamo, hyvää päivää, kuinka voin auttaa?", "Kirjasto, Anna Mäkinen puhelimessa."],
            [
                (
                    "Hei, olet soittanut Niemisen perheelle. Emme pääse nyt puhelimeen. Jätä viesti äänimerkin"
                    " jälkeen, niin soitamme takaisin."
                ),
                "Tilaajaan ei juuri nyt saada yhteyttä. Voit jättää viestin äänimerkin jälkeen tai soittaa myöhemmin.",
            ],
        ),
        (
            "tr",
            ["Alo?", "Efendim?", "Buyurun.", "Günaydın."],
            ["Yıldız eczanesi, iyi günler, nasıl yardımcı olabilirim?", "Muhasebe, Ayşe Demir, buyurun."],
            [
                (
                    "Merhaba, Kaya ailesini aradınız. Şu anda telefona bakamıyoruz. Lütfen sinyal sesinden sonra"
                    " mesajınızı bırakın, sizi arayalım."
                ),
                "Aradığınız kişiye şu anda ulaşılamıyor. Lütfen daha sonra tekrar deneyin ya da mesaj bırakın.",
            ],
        ),
    ],
}
#: What flite says, with the voices of four more people.
ENGLISH: tuple[list[str], list[str], list[str]] = (
    ["Hello.", "Yes, hello?", "Speaking.", "Baker here.", "Good evening.", "Who is this?"],
    [
        "Riverside dental clinic, this is Karen, can you hold?",
        "You have reached the front desk, how may I direct your call?",
        "Good afternoon, Thompson and Reed, Alan speaking.",
        "Greenfield school office, Mrs Harper speaking.",
    ],
    [
        (
            "Hi there, you have reached the voice mail of Susan Clark. I am away from my desk or on another line. At"
            " the sound of the beep, please leave your name and a brief message."
        ),
        "We are sorry, but nobody can take your call. If you would like to leave a message, do so after the tone.",
        "This is the answering service of the Greenfield school. Our office hours are from eight until four.",
        "The mobile customer you have called is switched off or out of range. Please record your message now.",
    ],
)
FLITE: tuple[str, ...] = ("awb", "rms", "slt", "kal16")
VARIANTS: dict[Half, Sequence[str]] = {
    "development": ("m1", "f1", "m3"),
    "held_out": ("m2", "f2", "m5", "f4"),
    "untouched": ("m7", "f3", "m8", "f5"),
}
RATES: dict[Half, Sequence[int]] = {
    "development": (150, 180),
    "held_out": (140, 165, 195),
    "untouched": (145, 172, 205),
}
