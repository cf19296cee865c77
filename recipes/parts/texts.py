"""Sentences to be spoken: English of every phone beside every phone, and seven other languages.

All are our own. `TEST` and `FOREIGN_TEST` are for judging alone: `english` and `foreign` never give them.
"""

from __future__ import annotations

import itertools
import random

NAMES = "Amelia Boris Chloe Dmitri Fiona Georgia Hugo Ingrid Joyce Kyoko Leroy Maya Noah Olga Pablo Quincy Rosie Seamus"
NAMES += " Theo Uma Vivian Walter Xavier Yusuf Zoe Bob Pippa Emma Phoebe Hubert Wolfgang Monroe"
HESITATIONS = ["um", "uh", "er", "well", "oh", "hmm", "you know", "wow", "oops", "mm", "eh", "ah"]
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
NUMBERS += " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
SMALL = "the a and or but of to in on with for from by my our your her his their we you they she he it is was were be"
SMALL += " will would could should may might who what where when why how this that these those some many more most"

FRAMES = """
Have you ever {} the {}? | My {} would not {}, so we left. | Please move the {} above the {}. | {}, I mean {}, is here.
Who put {} on the {}? | Maybe {} and {} will be home by five. | We saw {}, {} and {} before the rain.
The {} was warm, but the {} was wet. | Give me a {} and a {}, please. | You two, bring {} from the room above.
It is a {} of {}, you know. | Vivian said {}, not {}! | Oh, {}? I thought you wanted {}. | Why would Bob {} a {}?
Both {} moved to the {} in June. | If {} fails, we have {}. | The new {} of the {} looks beautiful.
""".replace("\n", "|").split("|")  # fmt: skip

OWN = """
The moon above the water moved slowly behind the blue boats. | My mother bought five very big balloons for Emma.
Would you want to go to the zoo with a few of us? | Choosing a good shoe should be a joy, not a chore.
Thieves who threaten others rarely think about their mothers. | Few people saw the purple smoke over the roof.
Please put both bowls of soup beside the phone. | I vaguely remember the flavour of that fluffy waffle.
Pour the boiling oil away, you foolish boy! | We were away from home for a whole week in February.
The garage had a mirage of azure treasure in it. | Sheep and fish share the same shallow shore.
A huge cube of fuming tubes confused the new recruits. | Mum may bake plum pies, but Papa makes better pumpkin bread.
Vera loves to wave from the van while we drive over the river. | What a wonderful world we would all wake up to.
Look, the cook took a good book and put it by the brook. | Ooh, that is so cool; who knew you could do that?
Bring the long strings that hang along the wings. | Every measure of pleasure is a matter of leisure.
I am here, you are there, and they are nowhere at all. | Ice and fire might shine like nine bright lights.
How now, brown cow, came the loud shout from downtown. | They say the great lake may fade away in eighty days.
Um, I, uh, maybe forgot to buy the apples. | Eat these three sweet peaches, please. | He had a bad map in his black backpack.
Father parked the car far from the dark barn. | Her first bird turned and chirped at the nurse. | Thought ought to be bought and taught at law.
""".replace("\n", "|").split("|")  # fmt: skip

TEST = """
The brave old farmer walked home before the storm. | Could you move my bicycle out of the way? | Pam baked fresh bread for the whole family.
Two blue whales swam beneath the moonlit waves. | We found a very small puppy by the pool. | Bob's phone rings every morning at four.
My favourite movie opens with a big parade. | Please wrap the vase before you move it. | A few of you will have to wait outside.
The boy with the balloon fell off the wall. | Would Molly prefer a room above the pub? | Put your wet boots over by the window.
Five wolves followed the moose through the woods. | The poor fellow forgot both of his maps. | I believe that Peter bought a purple umbrella.
Who would want to move to such a huge house? | Mary hopes to improve her French this summer. | Fill the bowl with warm soup and pepper.
We were born in November, on a foggy morning. | The pilot waved from above the airport. | Save some of the fruit for your mother.
Oliver moved the piano into the blue room. | Nobody knew why the phone box was broken. | Both women wore beautiful white hats.
A flock of pigeons flew over the bridge. | Keep the broom behind the wooden door. | The bus to Boston was full of people.
What would you do with a million pounds? | Use a soft cloth to wipe the mirror. | Robert often plays football after work.
The film was far above my hopes. | Show me how the new robot moves. | We bought apples, plums and fresh juice.
Few fish survive in the warm, shallow pond. | The woman in the van drove past my office. | You two should go home before the movie.
Visit the museum of modern art on Monday. | Our roof was blown away by the wind. | Mum put a spoon in the empty cup. | Everybody moved back when the wolf woke up.
""".replace("\n", "|").split("|")  # fmt: skip

FOREIGN = {
    "de": """
Guten Morgen, meine Damen und Herren. | Der Bäcker verkauft fünf frische Brötchen. | Wo wohnt deine Mutter im Sommer?
Früher fuhren wir über die schöne Brücke. | Bitte bringen Sie uns zwei Becher Kaffee. | Das blaue Buch liegt oben auf dem Boden.
Ich möchte morgen mit dem Zug nach Hamburg fahren. | Warum will Peter immer so viel Pudding? | Die Vögel fliegen über dem warmen Wasser.
Euer Freund kauft heute neue Schuhe. | Er hat böse Träume von großen Wölfen. | Mein Bruder mag Bananen, Birnen und Pflaumen.
Zwölf müde Männer saßen im Büro. | Ohne Brot und Butter gehen wir nicht aus dem Haus. | Ach, du meine Güte, was für ein Wetter!
Am Abend spielen die Kinder vor der Kirche. | Das Pferd lief durch den tiefen Fluss. | Viele Bäume blühen im Mai.
""",
    "fr": """
Bonjour, je voudrais une baguette, s'il vous plaît. | Où vont les bateaux bleus ce soir ? | Ma petite sœur aime beaucoup le fromage.
Il pleut souvent au mois de novembre. | Nous avons vu deux loups dans la forêt. | Un bon vin blanc vaut mieux que du pain.
Vous pouvez ouvrir la fenêtre du bureau. | Le vieux monsieur porte un chapeau rouge. | Peux-tu fermer la porte avant de partir ?
Une foule heureuse marche dans la rue. | Mon frère a peur des gros chiens. | Elle boit une tasse de thé avec du lait.
Les oiseaux chantent au-dessus du fleuve. | Combien de pommes veux-tu pour demain ? | Bravo, vous avez fini avant tout le monde !
Le boulanger vend du beurre frais. | Je me lève à huit heures et demie. | Tout va bien, mais il fait froid.
""",
    "es": """
Buenos días, ¿cómo está usted? | Mi abuela vive en un pueblo muy bonito. | Por favor, ponga el vaso sobre la mesa.
Mañana vamos a comprar pan y fruta. | Hubo una fiesta enorme en la plaza. | El perro blanco bebe agua del río.
¿Dónde puso Pablo mi bufanda nueva? | La música suena por todo el barrio. | Nunca pude abrir aquella puerta vieja.
Tú y yo somos buenos amigos. | Me gusta mucho el café con leche. | El avión voló sobre las montañas.
Una mujer joven lleva un vestido rojo. | Hace viento, pero no llueve todavía. | Busco un libro sobre pájaros.
Compramos uvas, peras, melones y pimientos. | Ven aquí y dime la verdad. | Nadie supo por qué huyó el lobo.
""",
    "it": """
Buongiorno, vorrei un bicchiere di vino. | La mia famiglia abita vicino al mare. | Dove hai messo il mio ombrello?
Il bambino beve un po' di latte. | Domani mattina partiamo per Roma. | Una bella barca blu va verso l'isola.
Mio fratello prova a aprire la porta. | Vuoi venire al cinema con noi? | Il lupo e l'orso vivono nel bosco.
Abbiamo comprato uova, burro e farina. | Pioveva forte e faceva freddo. | Tutti aspettano il nuovo professore.
Che peccato, il museo oggi è chiuso. | Questa zuppa è buona ma troppo calda. | Chi ha visto le mie scarpe?
""",
    "pt": """
Bom dia, tudo bem com você? | A minha avó mora perto do porto. | O menino bebe um copo de água.
Onde fica a ponte velha? | Amanhã vamos ao mercado comprar fruta. | Um pássaro azul pousou no muro.
Por favor, feche a porta devagar. | Meu irmão gosta de uvas e bananas. | O barco novo foi embora ontem.
Nunca vi uma lua tão bonita. | Ela pôs o livro em cima da mesa. | Chove muito, mas não faz frio.
""",
    "ru": """
Доброе утро, мои дорогие друзья. | Мама купила большую белую рыбу. | Где живёт твой брат Павел?
Пожалуйста, откройте новое окно. | Мы поехали в Москву на поезде. | У бабушки был пушистый кот.
Вчера был очень тёплый вечер. | Птицы летают над широкой рекой. | Почему ты не пьёшь молоко?
Папа любит суп и хлеб с маслом. | Волк убежал в тёмный лес. | Она поёт весёлую песню.
Завтра будет сильный ветер. | Пять мальчиков играют в футбол. | Это самая важная минута.
Я думаю, что мы опоздаем. | Фонари вдоль улицы уже погасли. | Вот ваш билет и паспорт.
""",
    "ja": """
おはようございます、おげんきですか。 | わたしはあたらしいぼうしをかいました。 | あしたはともだちとうみにいきます。
このみずはとてもつめたいです。 | ふゆのやまにはゆきがふります。 | ぱんとばたーとみるくをください。
いもうとはぴあのがじょうずです。 | まどをあけてもいいですか。 | ふたりでえいがをみませんか。
ぼくはまいばんほんをよみます。 | しろいふねがみなとをでました。 | おかあさんはむらさきのふくがすきです。
びょういんはどこにありますか。 | べんきょうをはじめましょう。 | そらにふうせんがとんでいます。
""",
    "cmn-latn-pinyin": """
ni3 hao3, wo3 men5 jin1 tian1 qu4 bei3 jing1. | ma1 ma5 mai3 le5 ping2 guo3 he2 mian4 bao1. | qing3 wen4, huo3 che1 zhan4 zai4 na3 li3?
wo3 de5 peng2 you5 xi3 huan5 pa2 shan1. | bu2 yao4 wang4 le5 dai4 yu3 san3. | ta1 fu4 mu3 dou1 shi4 lao3 shi1.
mei3 ge4 ren2 dou1 you3 meng4 xiang3. | wo3 xiang3 he1 yi4 bei1 re4 cha2. | zhe4 ben3 shu1 fei1 chang2 you3 yi4 si5.
bai2 mao1 he2 hei1 gou3 yi4 qi3 pao3. | ming2 tian1 wan3 shang5 ba1 dian3 jian4 mian4. | feng1 hen3 da4, dan4 shi4 bu4 leng3.
wu3 wei4 nü3 shi4 zou3 jin4 le5 bo2 wu4 guan3. | di4 di5 bu4 xi3 huan5 chi1 yu2. | nan2 fang1 de5 xia4 tian1 hen3 chang2.
""",
}  # fmt: skip

FOREIGN_TEST = {
    "de": "Über Wuppertal fliegt ein blauer Ballon. | Meine Oma backt Pflaumenkuchen. | Wir brauchen vier Würfel und ein Spielbrett. |"
    " Der Hund bellt vor dem Tor. | Im Frühling baut der Vogel sein Nest. | Möchtest du Milch oder Saft? |"
    " Abends wurde es wieder warm. | Fünf Boote fuhren zum Ufer.",
    "fr": "Le bébé boit du lait dans la voiture. | Une poule brune mange sous le pommier. | Mon père prépare la soupe. |"
    " Il faut plusieurs minutes pour venir. | Deux hommes portent un piano. | Nous buvons un jus de pamplemousse. |"
    " Veux-tu visiter le musée ? | La lune brille au-dessus de la mer.",
    "es": "Mi primo vive en Buenos Aires. | El bebé duerme en una cuna azul. | Vimos una película muy buena. |"
    " Busca un paraguas, va a llover. | El mono sube por el muro. | Pon la sopa en el plato hondo. |"
    " Mi hermano pinta una puerta verde. | La bruja voló sobre el bosque.",
    "ru": "Мой папа работает в порту. | Бабушка варит вкусный суп. | Кошка прыгнула на подоконник. |"
    " Мы будем обедать в пять часов. | Умный мальчик читает книгу. | Белый пароход плывёт по морю. |"
    " Вы любите музыку и кино? | Муха попала в паутину.",
    "ja": "ぶどうとももをたべました。 | まっぷをみながらあるきます。 | むかしのしゃしんをみつけました。 |"
    " ほんやのまえでまっています。 | ばすはもうすぐきます。 | ちいさなとりがぴーぴーないています。 |"
    " わたしのへやはすこしさむい。 | ふくろうはよるにとびます。",
    "cmn-latn-pinyin": "ba4 ba5 zai4 bo1 li5 bei1 li3 dao4 shui3. | mu4 ma3 pao3 de5 bu2 kuai4. | peng2 you5 song4 wo3 yi4 ben3 shu1. |"
    " fu4 jin4 you3 mian4 bao1 pu4. | wo3 bu4 ming2 bai2 ni3 shuo1 shen2 me5. | hu2 bian1 you3 hen3 duo1 shu4. |"
    " mei4 mei5 wan3 shang5 pa4 hei1. | fei1 ji1 fei1 guo4 le5 da4 hai3.",
}  # fmt: skip


def sentences(block: str | list[str]) -> list[str]:
    parts = block.replace("\n", "|").split("|") if isinstance(block, str) else block
    return [part.strip() for part in parts if part.strip()]


def english(pronunciations: dict[str, list[str]], count: int, seed: int) -> list[str]:
    """`count` sentences: our own, then frames filled with the dictionary's words so that each adds the most pairs of
    neighbouring phones not heard yet, with numbers, names and hesitations between.

    `pronunciations` gives the phones of a word, without stress.
    """
    rng = random.Random(seed)
    pairs = {word: set(itertools.pairwise(phones)) for word, phones in pronunciations.items() if 3 <= len(phones) <= 8}
    words = sorted(pairs)
    heard: dict[tuple[str, str], int] = {}

    def fresh() -> str:
        drawn = rng.sample(words, min(24, len(words)))
        best = max(drawn, key=lambda word: sum(1 / (1 + heard.get(pair, 0)) for pair in pairs[word]) / len(pairs[word]))
        for pair in pairs[best]:
            heard[pair] = heard.get(pair, 0) + 1
        return best

    def filler() -> str:
        kind = rng.random()
        if kind < 0.12:
            return rng.choice(NAMES.split())
        return " ".join(rng.sample(NUMBERS.split(), 2)) if kind < 0.2 else fresh()

    out, frames = sentences(OWN), sentences(FRAMES)
    while len(out) < count:
        if rng.random() < 0.5:
            text = rng.choice(frames)
            text = text.format(*(filler() for _ in range(text.count("{}"))))
        else:
            text = " ".join(rng.choice(SMALL.split()) if i % 2 else filler() for i in range(rng.randint(6, 10)))
            text += rng.choice(".?!")
        out.append(f"{rng.choice(HESITATIONS)}, {text}" if rng.random() < 0.15 else text)
    return [text for text in out if text not in sentences(TEST)][:count]


def foreign(language: str, count: int, seed: int) -> list[str]:
    """`count` sentences, each our own or the halves of two."""
    rng, own = random.Random(seed), sentences(FOREIGN[language])
    out = list(own)
    while len(out) < count:
        out.append(" ".join(rng.sample(own, 2)))
    rng.shuffle(out)
    return out[:count]
