"""Words that hold sentences together, folded: they say nothing of what a text is about."""

from __future__ import annotations

_WORDS = {
    "english": """a about after all also am an and any are as at be because been but by can
        could did do does for from had has have he her him his how i if in into is it
        its me my no nor of on or our she should so some such than that the their them
        then there these they this those to too us very was we were what when where
        which who whom whose why will with would you your""",
    "german": """aber als also am an auch auf aus bei beim bin bis da damit das dass dem den
        der des die dich dir du durch ein eine einem einen einer eines er es fuer fur
        hat haben ich ihm ihn ihr im in ist ja kann kein mein mich mir mit nach nicht
        noch nur ob oder sein sich sie sind so uber um und uns unter vom von vor war
        was wenn wer wie wir wird zu zum zur""",
    "french": """a au aux avec c ce ces cette d dans de des du elle en est et eux il ils j je l
        la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on ou par
        pas pour qu que qui s sa se ses son sont sur t ta te tes toi ton tu un une vos
        votre vous y""",
    "spanish": """a al como con de del el ella ellas ellos en entre es esta este esto la las le
        les lo los mas me mi mis muy no nos o para pero por que se si sin sobre son su
        sus te tu tus un una uno unos unas y ya yo""",
    "italian": """a ad al all alla alle anche c che chi ci come con d da dal dall dalla dei del
        dell della delle di e ed era gli ha i il in io l la le lei lo loro lui ma mi mio
        ne nei nel nell nella noi non o per piu quale s se si sono su sua sul sull sulla
        suo ti tra tu un una uno v vi voi""",
    "portuguese": """a ao aos as com como da das de do dos e ela ele eles em entre era essa esse
        esta este eu foi ha isso ja la lhe mais mas me meu na nas no nos nao o os ou
        para pela pelo por qual que se sem seu sua sao so te tu um uma voce""",
    "dutch": """aan als bij dan dat de den der die dit door een en er haar had heb heeft het
        hij hoe ik in is je kan me met mij mijn naar niet nog nu of om ons ook op over
        te tot u uit van voor was wat we wel wie wij zal ze zich zijn zo""",
    "polish": """a ale bez bo by byc byl byla bylo byly co czy dla do gdy gdzie go i ich im jak
        jako je jego jej jest juz kiedy kto ktora ktore ktory lub ma mi mnie my na nad
        nam nas nie nim o od on ona one oni oraz po pod przed przez przy sa sie swoj ta
        tak tam te tego tej ten to tu ty tych tylko tym u w we wy z za ze""",
    "swedish": """att av de dem den det dig din du efter en ett for fran han har hon hur i inte
        jag kan man med men mig min mot ni nu och om pa sa sig sin som till under upp
        ut vad var vi vid ar""",
}

STOP_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
"""By language; there are none for the others."""
