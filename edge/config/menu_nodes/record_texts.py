"""What is said around recordings where the author says nothing else, by language.

In the review `{0}` is the key that plays the message, `{1}` keeps it, `{2}` records it again, `{3}` marks it urgent.
"""

#: Text by language.
Texts = dict[str, str]

GREETING: Texts = {
    "en": "Nobody can take your call. Please leave a message after the tone.",
    "de": "Ihr Anruf kann nicht angenommen werden. Bitte sprechen Sie nach dem Ton.",
    "fr": "Personne ne peut prendre votre appel. Veuillez laisser un message après le signal sonore.",
    "es": "No podemos atender su llamada. Deje un mensaje después de la señal.",
    "it": "Nessuno può rispondere. Lasci un messaggio dopo il segnale acustico.",
    "ru": "Сейчас никто не может ответить. Оставьте сообщение после сигнала.",
    "cmn": "现在无人接听。请在提示音后留言。",
}
REVIEW: Texts = {
    "en": "To listen to your message, press {0}. To keep it, press {1}. To record it again, press {2}.",
    "de": "Zum Anhören drücken Sie {0}. Zum Behalten {1}. Um noch einmal zu sprechen, drücken Sie {2}.",
    "fr": "Pour écouter votre message, tapez {0}. Pour le garder, tapez {1}. Pour recommencer, tapez {2}.",
    "es": "Para escuchar su mensaje, pulse {0}. Para guardarlo, pulse {1}. Para grabarlo de nuevo, pulse {2}.",
    "it": "Per ascoltare il messaggio, prema {0}. Per conservarlo, prema {1}. Per registrarlo di nuovo, prema {2}.",
    "ru": "Чтобы прослушать сообщение, нажмите {0}. Чтобы сохранить, {1}. Чтобы записать снова, {2}.",
    "cmn": "听取留言请按{0}。保存请按{1}。重新录音请按{2}。",
}
REVIEW_URGENT: Texts = {
    "en": f"{REVIEW['en']} If it is urgent, press {{3}}.",
    "de": f"{REVIEW['de']} Ist es dringend, drücken Sie {{3}}.",
    "fr": f"{REVIEW['fr']} S'il est urgent, tapez {{3}}.",
    "es": f"{REVIEW['es']} Si es urgente, pulse {{3}}.",
    "it": f"{REVIEW['it']} Se è urgente, prema {{3}}.",
    "ru": f"{REVIEW['ru']} Если это срочно, нажмите {{3}}.",
    "cmn": f"{REVIEW['cmn']}如有急事请按{{3}}。",
}
SAVED: Texts = {
    "en": "Your message was recorded.",
    "de": "Ihre Nachricht wurde aufgenommen.",
    "fr": "Votre message a été enregistré.",
    "es": "Su mensaje ha sido grabado.",
    "it": "Il messaggio è stato registrato.",
    "ru": "Ваше сообщение записано.",
    "cmn": "您的留言已录好。",
}
TROUBLE: Texts = {
    "en": "We are sorry: your message cannot be recorded now.",
    "de": "Leider kann Ihre Nachricht jetzt nicht aufgenommen werden.",
    "fr": "Désolé, votre message ne peut pas être enregistré maintenant.",
    "es": "Lo sentimos: su mensaje no se puede grabar ahora.",
    "it": "Ci dispiace: il messaggio non può essere registrato adesso.",
    "ru": "Извините: ваше сообщение сейчас записать нельзя.",
    "cmn": "抱歉。现在无法录音。",
}
FULL: Texts = {
    "en": "This mailbox is full: no message can be left now.",
    "de": "Diese Mailbox ist voll. Zurzeit kann keine Nachricht hinterlassen werden.",
    "fr": "Cette messagerie est pleine : vous ne pouvez pas laisser de message maintenant.",
    "es": "Este buzón está lleno: ahora no se puede dejar ningún mensaje.",
    "it": "Questa casella è piena: adesso non si possono lasciare messaggi.",
    "ru": "Почтовый ящик переполнен. Сейчас оставить сообщение нельзя.",
    "cmn": "信箱已满。现在无法留言。",
}
