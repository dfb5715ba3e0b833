"""What happened, as one sentence in the reader's language."""

from collections.abc import Mapping
from typing import Any

from domain.events import Event, EventKind

LANGUAGES = ("en", "it", "fr", "de")

# By kind, in the order of LANGUAGES.
_SENTENCES: Mapping[EventKind, tuple[str, str, str, str]] = {
    EventKind.ORDER_PLACED: (
        "Order {number} was placed: {total}.",
        "L'ordine {number} è stato effettuato: {total}.",
        "La commande {number} a été passée : {total}.",
        "Bestellung {number} ist eingegangen: {total}.",
    ),
    EventKind.ORDER_CONFIRMED: (
        "Order {number} is confirmed.",
        "L'ordine {number} è confermato.",
        "La commande {number} est confirmée.",
        "Bestellung {number} ist bestätigt.",
    ),
    EventKind.ORDER_CANCELED: (
        "Order {number} was canceled.",
        "L'ordine {number} è stato annullato.",
        "La commande {number} a été annulée.",
        "Bestellung {number} wurde storniert.",
    ),
    EventKind.ORDER_LINES_CANCELED: (
        "Part of order {number} was canceled: {units} pcs.",
        "Una parte dell'ordine {number} è stata annullata: {units} pz.",
        "Une partie de la commande {number} a été annulée : {units} p.",
        "Ein Teil der Bestellung {number} wurde storniert: {units} St.",
    ),
    EventKind.ORDER_RESOURCED: (
        "Another location sends part of order {number}: {units} pcs.",
        "Un'altra sede invia una parte dell'ordine {number}: {units} pz.",
        "Un autre site envoie une partie de la commande {number} : {units} p.",
        "Ein anderer Standort liefert einen Teil der Bestellung {number}: {units} St.",
    ),
    EventKind.ORDER_BACKORDERED: (
        "Part of order {number} waits for stock: {units} pcs.",
        "Una parte dell'ordine {number} è in attesa di disponibilità: {units} pz.",
        "Une partie de la commande {number} attend du stock : {units} p.",
        "Ein Teil der Bestellung {number} wartet auf Ware: {units} St.",
    ),
    EventKind.ORDER_COMPLETED: (
        "Order {number} is complete.",
        "L'ordine {number} è completato.",
        "La commande {number} est terminée.",
        "Bestellung {number} ist abgeschlossen.",
    ),
    EventKind.PAYMENT_AUTHORIZED: (
        "{amount} was authorized.",
        "Autorizzati {amount}.",
        "{amount} ont été autorisés.",
        "{amount} wurden autorisiert.",
    ),
    EventKind.PAYMENT_FAILED: (
        "A payment failed.",
        "Un pagamento non è riuscito.",
        "Un paiement a échoué.",
        "Eine Zahlung ist fehlgeschlagen.",
    ),
    EventKind.PAYMENT_CAPTURED: (
        "{amount} was charged.",
        "Addebitati {amount}.",
        "{amount} ont été débités.",
        "{amount} wurden abgebucht.",
    ),
    EventKind.PAYMENT_VOIDED: (
        "{amount} will not be charged.",
        "{amount} non saranno addebitati.",
        "{amount} ne seront pas débités.",
        "{amount} werden nicht abgebucht.",
    ),
    EventKind.PAYMENT_REFUNDED: (
        "{amount} was refunded.",
        "Rimborsati {amount}.",
        "{amount} ont été remboursés.",
        "{amount} wurden erstattet.",
    ),
    EventKind.FULFILLMENT_ORDER_OPENED: (
        "{location} was asked for {number}.",
        "{number} è stato affidato a {location}.",
        "{number} a été confié à {location}.",
        "{number} wurde an {location} gegeben.",
    ),
    EventKind.FULFILLMENT_ORDER_ACCEPTED: (
        "{location} accepted {number}.",
        "{location} ha accettato {number}.",
        "{location} a accepté {number}.",
        "{location} hat {number} angenommen.",
    ),
    EventKind.FULFILLMENT_ORDER_REJECTED: (
        "{location} cannot send {units} pcs of {number}.",
        "{location} non può inviare {units} pz di {number}.",
        "{location} ne peut pas envoyer {units} p. de {number}.",
        "{location} kann {units} St. von {number} nicht liefern.",
    ),
    EventKind.FULFILLMENT_ORDER_PICKED: (
        "{location} picked {units} pcs of {number}.",
        "{location} ha preparato {units} pz di {number}.",
        "{location} a préparé {units} p. de {number}.",
        "{location} hat {units} St. von {number} bereitgelegt.",
    ),
    EventKind.FULFILLMENT_ORDER_CANCELED: (
        "{number} is no longer asked of {location}.",
        "{number} non è più richiesto a {location}.",
        "{number} n'est plus demandé à {location}.",
        "{number} wird von {location} nicht mehr gebraucht.",
    ),
    EventKind.PICKUP_READY: (
        "Ready for pickup at {location}.",
        "Pronto per il ritiro presso {location}.",
        "Prêt à être retiré à {location}.",
        "Abholbereit in {location}.",
    ),
    EventKind.PICKUP_COLLECTED: (
        "{units} pcs were collected at {location}.",
        "Ritirati {units} pz presso {location}.",
        "{units} p. ont été retirées à {location}.",
        "{units} St. wurden in {location} abgeholt.",
    ),
    EventKind.SHIPMENT_DISPATCHED: (
        "{units} pcs left {location} as shipment {shipment}.",
        "{units} pz partiti da {location} con la spedizione {shipment}.",
        "{units} p. ont quitté {location} : envoi {shipment}.",
        "{units} St. haben {location} als Sendung {shipment} verlassen.",
    ),
    EventKind.SHIPMENT_TRACKED: (
        "The carrier has news of shipment {number}.",
        "Il corriere ha notizie della spedizione {number}.",
        "Le transporteur a des nouvelles de l'envoi {number}.",
        "Neues vom Versanddienst zur Sendung {number}.",
    ),
    EventKind.SHIPMENT_DELIVERED: (
        "Shipment {number} was delivered.",
        "La spedizione {number} è stata consegnata.",
        "L'envoi {number} a été livré.",
        "Sendung {number} wurde zugestellt.",
    ),
    EventKind.STOCK_ADJUSTED: (
        "Stock was corrected: {count} movements.",
        "Le giacenze sono state corrette: {count} movimenti.",
        "Le stock a été corrigé : {count} mouvements.",
        "Der Bestand wurde berichtigt: {count} Bewegungen.",
    ),
    EventKind.STOCK_MOVED: (
        "Stock moved: {count} movements.",
        "Le giacenze sono cambiate: {count} movimenti.",
        "Le stock a bougé : {count} mouvements.",
        "Der Bestand hat sich geändert: {count} Bewegungen.",
    ),
    EventKind.STOCK_SYNCED: (
        "Stock at {location} was brought in line with a feed: {count} levels.",
        "Le giacenze di {location} sono state allineate a un flusso: {count} articoli.",
        "Le stock de {location} a été aligné sur un flux : {count} articles.",
        "Der Bestand von {location} wurde mit einer Meldung abgeglichen: {count} Artikel.",
    ),
    EventKind.STOCK_TRANSFERRED: (
        "{origin} sent {count} lines to {location} under {reference}.",
        "{origin} ha spedito {count} righe a {location} con {reference}.",
        "{origin} a envoyé {count} lignes à {location} sous {reference}.",
        "{origin} hat {count} Zeilen unter {reference} an {location} geschickt.",
    ),
    EventKind.SUPPLY_SAVED: (
        "Supply for {location} was announced or changed: {count} lines.",
        "Arrivi per {location} annunciati o modificati: {count} righe.",
        "Arrivages pour {location} annoncés ou modifiés : {count} lignes.",
        "Lieferungen an {location} wurden angekündigt oder geändert: {count} Zeilen.",
    ),
    EventKind.SUPPLY_RECEIVED: (
        "{location} received supply: {count} lines.",
        "{location} ha ricevuto merce: {count} righe.",
        "{location} a reçu de la marchandise : {count} lignes.",
        "{location} hat Ware erhalten: {count} Zeilen.",
    ),
    EventKind.SUPPLY_CANCELED: (
        "Supply {reference} for {location} was canceled: {units} pcs.",
        "L'arrivo {reference} per {location} è stato annullato: {units} pz.",
        "L'arrivage {reference} pour {location} a été annulé : {units} p.",
        "Lieferung {reference} an {location} wurde storniert: {units} St.",
    ),
    EventKind.STOCK_LOCATION_SAVED: (
        "Location {code} was saved.",
        "La sede {code} è stata salvata.",
        "Le site {code} a été enregistré.",
        "Standort {code} wurde gespeichert.",
    ),
    EventKind.CHANNEL_SAVED: (
        "Channel {code} was saved.",
        "Il canale {code} è stato salvato.",
        "Le canal {code} a été enregistré.",
        "Kanal {code} wurde gespeichert.",
    ),
    EventKind.CATEGORIES_SAVED: (
        "Categories were saved: {count}.",
        "Categorie salvate: {count}.",
        "Catégories enregistrées : {count}.",
        "Kategorien wurden gespeichert: {count}.",
    ),
    EventKind.AVAILABILITY_VIEW_SAVED: (
        "Availability view {code} was saved: version {version}.",
        "La vista di disponibilità {code} è stata salvata: versione {version}.",
        "La vue de disponibilité {code} a été enregistrée : version {version}.",
        "Verfügbarkeitssicht {code} wurde gespeichert: Version {version}.",
    ),
    EventKind.PRODUCTS_IMPORTED: (
        "Products were imported: {created} new, {updated} changed.",
        "Prodotti importati: {created} nuovi, {updated} modificati.",
        "Produits importés : {created} nouveaux, {updated} modifiés.",
        "Produkte wurden eingelesen: {created} neu, {updated} geändert.",
    ),
}


def summary(event: Event, language: str | None) -> str:
    """One sentence, in English where the language is not one of ours; `fr-CA` is read as `fr`."""
    spoken = (language or "en").partition("-")[0].lower()
    sentence = _SENTENCES[EventKind(event.kind)][LANGUAGES.index(spoken) if spoken in LANGUAGES else 0]
    return sentence.format_map(_Figures(event.data))


class _Figures(dict[str, Any]):
    """An event's data as sentences name it: amounts with their currency, units added up, `?` for what it lacks."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        lines = data.get("lines")
        if isinstance(lines, list):
            self["units"] = sum(line["units"] for line in lines)
        for name in ("amount", "total"):
            if money := data.get(name):
                self[name] = f"{money['amount']} {money['currency']}"

    def __missing__(self, name: str) -> str:
        return "?"
