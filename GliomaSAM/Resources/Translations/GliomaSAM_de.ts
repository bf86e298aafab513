<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
 <context>
  <name>GliomaSAM</name>
  <message>
   <source>GliomaSAM</source>
   <translation>GliomaSAM</translation>
  </message>
  <message>
   <source>One click on up to four MR volumes, and the glioma in 3D: whole tumour, tumour core and enhancing tumour, as segments that stay editable, with their volumes. For research only, not for clinical use.</source>
   <translation>Ein Klick auf bis zu vier MR-Volumen, und das Gliom in 3D: gesamter Tumor, Tumorkern und anreichernder Tumor als Segmente, die bearbeitbar bleiben, mit ihren Volumina. Nur für die Forschung, nicht für den klinischen Gebrauch.</translation>
  </message>
  <message>
   <source>Built on Segment Anything, MedSAM, MONAI and PyTorch. The models were trained on cases of BraTS.</source>
   <translation>Beruht auf Segment Anything, MedSAM, MONAI und PyTorch. Die Modelle wurden mit Fällen von BraTS trainiert.</translation>
  </message>
  <message>
   <source>Current step and time remaining. The panel and the views stay usable.</source>
   <translation>Laufender Schritt und verbleibende Zeit. Bedienfeld und Ansichten bleiben benutzbar.</translation>
  </message>
  <message>
   <source>Stop what is being computed. What is there already stays.</source>
   <translation>Die laufende Berechnung anhalten. Was schon da ist, bleibt.</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Abbrechen</translation>
  </message>
  <message>
   <source>Inputs</source>
   <translation>Eingaben</translation>
  </message>
  <message>
   <source>T1</source>
   <translation>T1</translation>
  </message>
  <message>
   <source>T1 without contrast agent. Any of the four volumes may be absent.</source>
   <translation>T1 ohne Kontrastmittel. Jedes der vier Volumen darf fehlen.</translation>
  </message>
  <message>
   <source>T1 contrast</source>
   <translation>T1 Kontrast</translation>
  </message>
  <message>
   <source>T1 with contrast agent (gadolinium).</source>
   <translation>T1 mit Kontrastmittel (Gadolinium).</translation>
  </message>
  <message>
   <source>T2</source>
   <translation>T2</translation>
  </message>
  <message>
   <source>T2-weighted volume.</source>
   <translation>T2-gewichtetes Volumen.</translation>
  </message>
  <message>
   <source>FLAIR</source>
   <translation>FLAIR</translation>
  </message>
  <message>
   <source>T2-FLAIR volume.</source>
   <translation>T2-FLAIR-Volumen.</translation>
  </message>
  <message>
   <source>Skull</source>
   <translation>Schädel</translation>
  </message>
  <message>
   <source>Remove the skull before the network reads the volumes? The volumes themselves are never changed.</source>
   <translation>Den Schädel entfernen, bevor das Netz die Volumen liest? Die Volumen selbst werden nie geändert.</translation>
  </message>
  <message>
   <source>Choose this when the patient moved between the scans: the volumes are registered to each other, on copies.</source>
   <translation>Wählen, wenn sich der Patient zwischen den Aufnahmen bewegt hat: die Volumen werden auf Kopien aufeinander registriert.</translation>
  </message>
  <message>
   <source>Align the volumes</source>
   <translation>Volumen ausrichten</translation>
  </message>
  <message>
   <source>Volumes of different patients, by DICOM or the subject hierarchy, are refused. Choose this when they are of one patient all the same, for example after one of them was anonymised.</source>
   <translation>Volumen verschiedener Patienten, laut DICOM oder Objekthierarchie, werden abgelehnt. Wählen, wenn sie doch von einem Patienten sind, etwa weil eines anonymisiert wurde.</translation>
  </message>
  <message>
   <source>Of one patient</source>
   <translation>Von einem Patienten</translation>
  </message>
  <message>
   <source>Fill the four selectors by the names and the DICOM descriptions of the volumes of the scene. Where it holds another patient or visit as well, go on to that.</source>
   <translation>Die vier Auswahlen nach den Namen und DICOM-Beschreibungen der Volumen der Szene füllen. Sind auch ein anderer Patient oder ein anderer Termin geladen, zu diesen weitergehen.</translation>
  </message>
  <message>
   <source>Guess again</source>
   <translation>Neu erraten</translation>
  </message>
  <message>
   <source>Show the chosen volumes beside each other, each in a slice view of its own. The views are linked: scroll, zoom or click in any of them. Press again to get your views back.</source>
   <translation>Die gewählten Volumen nebeneinander zeigen, jedes in einer eigenen Schichtansicht. Die Ansichten sind verknüpft: In jeder kann geblättert, vergrößert und geklickt werden. Noch einmal drücken, um die bisherigen Ansichten zurückzubekommen.</translation>
  </message>
  <message>
   <source>Compare volumes</source>
   <translation>Volumen vergleichen</translation>
  </message>
  <message>
   <source>Prompts</source>
   <translation>Hinweise</translation>
  </message>
  <message>
   <source>Region</source>
   <translation>Region</translation>
  </message>
  <message>
   <source>What the next prompts are about.</source>
   <translation>Worum es bei den nächsten Hinweisen geht.</translation>
  </message>
  <message>
   <source>Click into the region</source>
   <translation>In die Region klicken</translation>
  </message>
  <message>
   <source>Inside</source>
   <translation>Innen</translation>
  </message>
  <message>
   <source>Click where the region must not be</source>
   <translation>Klicken, wo die Region nicht sein darf</translation>
  </message>
  <message>
   <source>Outside</source>
   <translation>Außen</translation>
  </message>
  <message>
   <source>Two clicks in one slice: opposite corners of a box round the region</source>
   <translation>Zwei Klicks in einer Schicht: gegenüberliegende Ecken eines Kastens um die Region</translation>
  </message>
  <message>
   <source>2D box</source>
   <translation>2D-Kasten</translation>
  </message>
  <message>
   <source>Place a box in 3D round the region, and drag its handles</source>
   <translation>Einen 3D-Kasten um die Region setzen und an seinen Griffen ziehen</translation>
  </message>
  <message>
   <source>3D box</source>
   <translation>3D-Kasten</translation>
  </message>
  <message>
   <source>Draw a line; double-click or right-click ends it</source>
   <translation>Eine Linie zeichnen; Doppelklick oder Rechtsklick beendet sie</translation>
  </message>
  <message>
   <source>Scribble</source>
   <translation>Strich</translation>
  </message>
  <message>
   <source>Draw round a part of a slice; double-click or right-click ends it</source>
   <translation>Einen Teil einer Schicht umfahren; Doppelklick oder Rechtsklick beendet es</translation>
  </message>
  <message>
   <source>Lasso</source>
   <translation>Lasso</translation>
  </message>
  <message>
   <source>What is drawn next by scribble or lasso lies outside the region.</source>
   <translation>Was als Nächstes mit Strich oder Lasso gezeichnet wird, liegt außerhalb der Region.</translation>
  </message>
  <message>
   <source>Lines mean: outside</source>
   <translation>Linien bedeuten: außen</translation>
  </message>
  <message>
   <source>Show the points, boxes and lines in the views.</source>
   <translation>Punkte, Kästen und Linien in den Ansichten zeigen.</translation>
  </message>
  <message>
   <source>Show prompts</source>
   <translation>Hinweise zeigen</translation>
  </message>
  <message>
   <source>Take the last prompt back</source>
   <translation>Den letzten Hinweis zurücknehmen</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Rückgängig</translation>
  </message>
  <message>
   <source>Redo</source>
   <translation>Wiederholen</translation>
  </message>
  <message>
   <source>Take all prompts away (Undo brings them back)</source>
   <translation>Alle Hinweise entfernen (Rückgängig bringt sie zurück)</translation>
  </message>
  <message>
   <source>Reset</source>
   <translation>Zurücksetzen</translation>
  </message>
  <message>
   <source>Segment without a prompt; all prompts are taken away (Undo brings them back)</source>
   <translation>Ohne Hinweis segmentieren; alle Hinweise werden entfernt (Rückgängig bringt sie zurück)</translation>
  </message>
  <message>
   <source>Propose</source>
   <translation>Vorschlagen</translation>
  </message>
  <message>
   <source>Segments</source>
   <translation>Segmente</translation>
  </message>
  <message>
   <source>Segmentation</source>
   <translation>Segmentierung</translation>
  </message>
  <message>
   <source>Where the segments go. Each segmentation has volumes and prompts of its own.</source>
   <translation>Wohin die Segmente kommen. Jede Segmentierung hat eigene Volumen und Hinweise.</translation>
  </message>
  <message>
   <source>Segments are</source>
   <translation>Segmente sind</translation>
  </message>
  <message>
   <source>Nested regions, segments that share no voxel, or one segment of your own for any lesion.</source>
   <translation>Ineinander liegende Regionen, Segmente ohne gemeinsame Voxel oder ein eigenes Segment für eine beliebige Läsion.</translation>
  </message>
  <message>
   <source>Segment</source>
   <translation>Segment</translation>
  </message>
  <message>
   <source>The segment of your own that an answer about any lesion goes to.</source>
   <translation>Das eigene Segment, in das die Antwort zu einer beliebigen Läsion kommt.</translation>
  </message>
  <message>
   <source>Other segments</source>
   <translation>Andere Segmente</translation>
  </message>
  <message>
   <source>Whether writing a region may take voxels from segments that are not GliomaSAM's.</source>
   <translation>Ob eine Region Voxel von Segmenten übernehmen darf, die nicht von GliomaSAM sind.</translation>
  </message>
  <message>
   <source>Paint the cavity that surgery left into a segment of its own: it is in no tumour volume, and no answer covers it.</source>
   <translation>Die Höhle, die die Operation hinterließ, in ein eigenes Segment malen: sie ist in keinem Tumorvolumen, und keine Antwort überdeckt sie.</translation>
  </message>
  <message>
   <source>Resection cavity…</source>
   <translation>Resektionshöhle…</translation>
  </message>
  <message>
   <source>Edit by hand</source>
   <translation>Von Hand bearbeiten</translation>
  </message>
  <message>
   <source>What you paint or erase is kept, and the next prompt refines from it.</source>
   <translation>Was gemalt oder gelöscht wird, bleibt, und der nächste Hinweis geht davon aus.</translation>
  </message>
  <message>
   <source>Results</source>
   <translation>Ergebnisse</translation>
  </message>
  <message>
   <source>Volume, largest diameter in an axial slice, the largest one perpendicular to it, and their product (RANO). The largest one may cross hollows; in Follow-up it does not. A click on a row shows where it is.</source>
   <translation>Volumen, größter Durchmesser in einer axialen Schicht, größter dazu senkrechter und ihr Produkt (RANO). Der größte darf Hohlräume queren; in der Verlaufskontrolle nicht. Ein Klick auf eine Zeile zeigt, wo er liegt.</translation>
  </message>
  <message>
   <source>Volume
mL</source>
   <translation>Volumen
mL</translation>
  </message>
  <message>
   <source>Largest
mm</source>
   <translation>Größter
mm</translation>
  </message>
  <message>
   <source>Across
mm</source>
   <translation>Quer
mm</translation>
  </message>
  <message>
   <source>Product
mm²</source>
   <translation>Produkt
mm²</translation>
  </message>
  <message>
   <source>For research only. Not for clinical use.</source>
   <translation>Nur für die Forschung. Nicht für den klinischen Gebrauch.</translation>
  </message>
  <message>
   <source>Copy the table to the clipboard</source>
   <translation>Die Tabelle in die Zwischenablage kopieren</translation>
  </message>
  <message>
   <source>Copy</source>
   <translation>Kopieren</translation>
  </message>
  <message>
   <source>Save the table as a CSV file</source>
   <translation>Die Tabelle als CSV-Datei sichern</translation>
  </message>
  <message>
   <source>CSV…</source>
   <translation>CSV…</translation>
  </message>
  <message>
   <source>Put the table into the scene, where it is saved with it</source>
   <translation>Die Tabelle in die Szene legen, mit der sie gesichert wird</translation>
  </message>
  <message>
   <source>Table node</source>
   <translation>Tabelle in Szene</translation>
  </message>
  <message>
   <source>Show the segments as surfaces in the 3D views; they follow each answer</source>
   <translation>Die Segmente als Oberflächen in den 3D-Ansichten zeigen; sie folgen jeder Antwort</translation>
  </message>
  <message>
   <source>Save the segments as one NIfTI label map in the numbering of BraTS: necrosis 1, oedema 2, enhancing tumour 3</source>
   <translation>Die Segmente als eine NIfTI-Labelkarte in der Zählung von BraTS sichern: Nekrose 1, Ödem 2, anreichernder Tumor 3</translation>
  </message>
  <message>
   <source>Label map…</source>
   <translation>Labelkarte…</translation>
  </message>
  <message>
   <source>Save the segments as a .seg.nrrd file</source>
   <translation>Die Segmente als .seg.nrrd-Datei sichern</translation>
  </message>
  <message>
   <source>Segmentation…</source>
   <translation>Segmentierung…</translation>
  </message>
  <message>
   <source>Overlay where the network is least sure: where the next click helps most.</source>
   <translation>Überlagern, wo das Netz am unsichersten ist: dort hilft der nächste Klick am meisten.</translation>
  </message>
  <message>
   <source>Show uncertainty</source>
   <translation>Unsicherheit zeigen</translation>
  </message>
  <message>
   <source>Show the place where the next click helps most in all slice views</source>
   <translation>Die Stelle, an der der nächste Klick am meisten hilft, in allen Schichtansichten zeigen</translation>
  </message>
  <message>
   <source>Go to most uncertain</source>
   <translation>Zur unsichersten Stelle</translation>
  </message>
  <message>
   <source>Follow-up</source>
   <translation>Verlaufskontrolle</translation>
  </message>
  <message>
   <source>The visits of the patient in the scene. Tick those to compare; a date can be typed. The visit chosen is the one that is shown below.</source>
   <translation>Die Untersuchungen des Patienten in der Szene. Die zu vergleichenden ankreuzen; ein Datum kann eingegeben werden. Die gewählte wird unten gezeigt.</translation>
  </message>
  <message>
   <source>Date</source>
   <translation>Datum</translation>
  </message>
  <message>
   <source>Visit</source>
   <translation>Untersuchung</translation>
  </message>
  <message>
   <source>Outlines</source>
   <translation>Umrisse</translation>
  </message>
  <message>
   <source>Look for visits of the patient in the scene: studies of the subject hierarchy, segmentations with their volumes, folders.</source>
   <translation>Untersuchungen des Patienten in der Szene suchen: Studien der Objekthierarchie, Segmentierungen mit ihren Volumen, Ordner.</translation>
  </message>
  <message>
   <source>Find visits</source>
   <translation>Untersuchungen suchen</translation>
  </message>
  <message>
   <source>Let the model outline the visit chosen. The outlines of the last visit before it, brought over, take the place of its proposal; nothing of them has to stay.</source>
   <translation>Das Modell die gewählte Untersuchung umreißen lassen. Die übertragenen Umrisse der letzten davor nehmen die Stelle seines Vorschlags ein; nichts davon muss bleiben.</translation>
  </message>
  <message>
   <source>Outline from last</source>
   <translation>Von letzter aus umreißen</translation>
  </message>
  <message>
   <source>Tumour</source>
   <translation>Tumor</translation>
  </message>
  <message>
   <source>What the response is judged by: enhancing tumour, the whole of a tumour that does not enhance, or both.</source>
   <translation>Wonach das Ansprechen beurteilt wird: anreichernder Tumor, das Ganze eines nicht anreichernden Tumors oder beides.</translation>
  </message>
  <message>
   <source>This visit is</source>
   <translation>Diese Untersuchung ist</translation>
  </message>
  <message>
   <source>What the visit chosen in the table is. Response is counted from the baseline; without one it is the first visit after radiotherapy or surgery.</source>
   <translation>Was die in der Tabelle gewählte Untersuchung ist. Das Ansprechen zählt von der Ausgangsuntersuchung; ohne eine solche von der ersten nach Strahlentherapie oder Operation.</translation>
  </message>
  <message>
   <source>Choose this when the visits lie in one space already: they are not registered.</source>
   <translation>Wählen, wenn die Untersuchungen schon in einem Raum liegen: sie werden nicht registriert.</translation>
  </message>
  <message>
   <source>Visits are aligned</source>
   <translation>Sind ausgerichtet</translation>
  </message>
  <message>
   <source>Align, measure and judge the visits that are ticked. No volume and no segment is changed.</source>
   <translation>Die angekreuzten Untersuchungen ausrichten, messen und beurteilen. Kein Volumen und kein Segment wird geändert.</translation>
  </message>
  <message>
   <source>Compare visits</source>
   <translation>Untersuchungen vergleichen</translation>
  </message>
  <message>
   <source>The lesions at the visit chosen. The tick makes a lesion a target; a click shows it and its two calliper lines, which can be dragged. R: lines of the reader.</source>
   <translation>Die Läsionen der gewählten Untersuchung. Das Kreuz macht eine Läsion zur Zielläsion; ein Klick zeigt sie und ihre zwei Messlinien, die gezogen werden können. R: Linien des Befunders.</translation>
  </message>
  <message>
   <source>Lesion</source>
   <translation>Läsion</translation>
  </message>
  <message>
   <source>mL</source>
   <translation>mL</translation>
  </message>
  <message>
   <source>mm</source>
   <translation>mm</translation>
  </message>
  <message>
   <source>mm²</source>
   <translation>mm²</translation>
  </message>
  <message>
   <source>Baseline
%</source>
   <translation>Ausgang
%</translation>
  </message>
  <message>
   <source>Nadir
%</source>
   <translation>Nadir
%</translation>
  </message>
  <message>
   <source>Radiotherapy ended</source>
   <translation>Ende der Strahlentherapie</translation>
  </message>
  <message>
   <source>The last day of radiotherapy, YYYY-MM-DD. Progression within 12 weeks of it is preliminary.</source>
   <translation>Der letzte Tag der Strahlentherapie, JJJJ-MM-TT. Progression innerhalb von 12 Wochen danach ist vorläufig.</translation>
  </message>
  <message>
   <source>not known (YYYY-MM-DD)</source>
   <translation>nicht bekannt (JJJJ-MM-TT)</translation>
  </message>
  <message>
   <source>Steroids</source>
   <translation>Steroide</translation>
  </message>
  <message>
   <source>The dose of steroids at this visit, against the visit before.</source>
   <translation>Die Steroiddosis bei dieser Untersuchung gegenüber der vorigen.</translation>
  </message>
  <message>
   <source>Dexamethasone a day</source>
   <translation>Dexamethason pro Tag</translation>
  </message>
  <message>
   <source>The dose at this visit, or what equals it. Steroids follow from it and from the dose before, unless chosen above.</source>
   <translation>Die Dosis bei dieser Untersuchung oder was ihr entspricht. Die Angabe zu Steroiden folgt aus ihr und der Dosis zuvor, wenn oben nichts gewählt ist.</translation>
  </message>
  <message>
   <source>not known</source>
   <translation>nicht bekannt</translation>
  </message>
  <message>
   <source>Dexamethasone before</source>
   <translation>Dexamethason zuvor</translation>
  </message>
  <message>
   <source>The dose a day at the visit before.</source>
   <translation>Die Dosis pro Tag bei der vorigen Untersuchung.</translation>
  </message>
  <message>
   <source>Clinical state</source>
   <translation>Klinischer Zustand</translation>
  </message>
  <message>
   <source>The patient's state at this visit. Worse: a decline that is due to the tumour.</source>
   <translation>Der Zustand des Patienten bei dieser Untersuchung. Verschlechtert: durch den Tumor bedingt.</translation>
  </message>
  <message>
   <source>Outside the field</source>
   <translation>Außerhalb des Feldes</translation>
  </message>
  <message>
   <source>Whether what progresses lies outside the field of radiation.</source>
   <translation>Ob das, was fortschreitet, außerhalb des Bestrahlungsfeldes liegt.</translation>
  </message>
  <message>
   <source>Pathology</source>
   <translation>Pathologie</translation>
  </message>
  <message>
   <source>What a specimen of what progresses showed.</source>
   <translation>Was eine Probe dessen, was fortschreitet, ergab.</translation>
  </message>
  <message>
   <source>Surgery</source>
   <translation>Operation</translation>
  </message>
  <message>
   <source>What was done before this visit. A biopsy takes out nothing: class 4.</source>
   <translation>Was vor dieser Untersuchung getan wurde. Eine Biopsie entfernt nichts: Klasse 4.</translation>
  </message>
  <message>
   <source>Hours since surgery</source>
   <translation>Stunden seit der Operation</translation>
  </message>
  <message>
   <source>Hours from surgery to this scan. After 72 hours enhancement may be of surgery.</source>
   <translation>Stunden von der Operation bis zu dieser Aufnahme. Nach 72 Stunden kann eine Anreicherung von der Operation kommen.</translation>
  </message>
  <message>
   <source>Show the visit chosen beside the one before it, in linked slice views over the curve of volumes.</source>
   <translation>Die gewählte Untersuchung neben der vorigen zeigen, in verknüpften Schichtansichten über der Kurve der Volumina.</translation>
  </message>
  <message>
   <source>Side by side</source>
   <translation>Nebeneinander</translation>
  </message>
  <message>
   <source>Take the targets and calliper lines that the program chose.</source>
   <translation>Die vom Programm gewählten Zielläsionen und Messlinien nehmen.</translation>
  </message>
  <message>
   <source>Save the report: pages, table, values, and a segmentation for each visit.</source>
   <translation>Den Bericht sichern: Seiten, Tabelle, Werte und eine Segmentierung je Untersuchung.</translation>
  </message>
  <message>
   <source>Report…</source>
   <translation>Bericht…</translation>
  </message>
  <message>
   <source>Model and device</source>
   <translation>Modell und Gerät</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>The trained model. Prompts and edits are kept when you change it.</source>
   <translation>Das trainierte Modell. Hinweise und Bearbeitungen bleiben beim Wechsel erhalten.</translation>
  </message>
  <message>
   <source>Device</source>
   <translation>Gerät</translation>
  </message>
  <message>
   <source>Where to compute. When a graphics card's memory does not suffice, the CPU goes on.</source>
   <translation>Wo gerechnet wird. Reicht der Speicher einer Grafikkarte nicht, rechnet die CPU weiter.</translation>
  </message>
  <message>
   <source>Install what is missing. You are told before what it is and how large.</source>
   <translation>Fehlendes installieren. Vorher wird gesagt, was es ist und wie groß.</translation>
  </message>
  <message>
   <source>Install…</source>
   <translation>Installieren…</translation>
  </message>
  <message>
   <source>Install without a network, from a folder of wheels (.whl files)</source>
   <translation>Ohne Netz installieren, aus einem Ordner mit Wheels (.whl-Dateien)</translation>
  </message>
  <message>
   <source>From a folder…</source>
   <translation>Aus Ordner…</translation>
  </message>
  <message>
   <source>Use a weights file that you have on disk. It is checked by its SHA-256.</source>
   <translation>Eine Gewichtsdatei von der Platte verwenden. Sie wird mit ihrer SHA-256 geprüft.</translation>
  </message>
  <message>
   <source>Import weights…</source>
   <translation>Gewichte importieren…</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.follow_up</name>
  <message>
   <source>new</source>
   <translation>neu</translation>
  </message>
  <message>
   <source>split</source>
   <translation>geteilt</translation>
  </message>
  <message>
   <source>merged</source>
   <translation>vereinigt</translation>
  </message>
  <message>
   <source>gone</source>
   <translation>verschwunden</translation>
  </message>
  <message>
   <source>absent</source>
   <translation>nicht da</translation>
  </message>
  <message>
   <source>returned</source>
   <translation>wieder da</translation>
  </message>
  <message>
   <source>A new or empty folder for the report</source>
   <translation>Ein neuer oder leerer Ordner für den Bericht</translation>
  </message>
  <message>
   <source>There is a report in this folder. Replace its files?</source>
   <translation>In diesem Ordner ist ein Bericht. Seine Dateien ersetzen?</translation>
  </message>
  <message>
   <source>no volumes</source>
   <translation>keine Volumen</translation>
  </message>
  <message>
   <source>yes</source>
   <translation>ja</translation>
  </message>
  <message>
   <source>Outlines were changed since: compare the visits again</source>
   <translation>Umrisse wurden seither geändert: die Untersuchungen erneut vergleichen</translation>
  </message>
  <message>
   <source>No visit was found: put the volumes of each visit into a study (module Data), or outline them</source>
   <translation>Keine Untersuchung gefunden: die Volumen jeder Untersuchung in eine Studie legen (Modul Daten) oder umreißen</translation>
  </message>
  <message>
   <source>Choose the visit to outline in the table first</source>
   <translation>Zuerst in der Tabelle die Untersuchung wählen, die umrissen werden soll</translation>
  </message>
  <message>
   <source>Nothing is compared yet: press Compare visits first</source>
   <translation>Noch nichts verglichen: zuerst Untersuchungen vergleichen drücken</translation>
  </message>
  <message>
   <source>The report is in {name}</source>
   <translation>Der Bericht ist in {name}</translation>
  </message>
  <message>
   <source>typed</source>
   <translation>eingegeben</translation>
  </message>
  <message>
   <source>from DICOM</source>
   <translation>aus DICOM</translation>
  </message>
  <message>
   <source>from the name</source>
   <translation>aus dem Namen</translation>
  </message>
  <message>
   <source>not known: type it, YYYY-MM-DD</source>
   <translation>nicht bekannt: eingeben, JJJJ-MM-TT</translation>
  </message>
  <message>
   <source>not measurable: {reason}</source>
   <translation>nicht messbar: {reason}</translation>
  </message>
  <message>
   <source>The date of the visit</source>
   <translation>Das Datum der Untersuchung</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.follow_up_fields</name>
  <message>
   <source>not said</source>
   <translation>nicht angegeben</translation>
  </message>
  <message>
   <source>before surgery</source>
   <translation>vor der Operation</translation>
  </message>
  <message>
   <source>after surgery</source>
   <translation>nach der Operation</translation>
  </message>
  <message>
   <source>the baseline</source>
   <translation>die Ausgangsuntersuchung</translation>
  </message>
  <message>
   <source>a follow-up</source>
   <translation>eine Verlaufskontrolle</translation>
  </message>
  <message>
   <source>not known</source>
   <translation>nicht bekannt</translation>
  </message>
  <message>
   <source>none</source>
   <translation>keine</translation>
  </message>
  <message>
   <source>physiological dose</source>
   <translation>physiologische Dosis</translation>
  </message>
  <message>
   <source>stable</source>
   <translation>unverändert</translation>
  </message>
  <message>
   <source>decreased</source>
   <translation>verringert</translation>
  </message>
  <message>
   <source>increased</source>
   <translation>erhöht</translation>
  </message>
  <message>
   <source>improved</source>
   <translation>gebessert</translation>
  </message>
  <message>
   <source>worse</source>
   <translation>verschlechtert</translation>
  </message>
  <message>
   <source>yes</source>
   <translation>ja</translation>
  </message>
  <message>
   <source>no</source>
   <translation>nein</translation>
  </message>
  <message>
   <source>tumour</source>
   <translation>Tumor</translation>
  </message>
  <message>
   <source>treatment effect</source>
   <translation>Therapiefolge</translation>
  </message>
  <message>
   <source>resection</source>
   <translation>Resektion</translation>
  </message>
  <message>
   <source>biopsy</source>
   <translation>Biopsie</translation>
  </message>
  <message>
   <source>The end of radiotherapy</source>
   <translation>Das Ende der Strahlentherapie</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.inputs</name>
  <message>
   <source>{name} was made on another examination: the volumes of that one are chosen now</source>
   <translation>{name} gehört zu einer anderen Untersuchung: Deren Volumen sind jetzt gewählt</translation>
  </message>
  <message>
   <source>{name} was made on another examination than the volumes chosen: choose its own</source>
   <translation>{name} gehört zu einer anderen Untersuchung als die gewählten Volumen: Wählen Sie die zugehörigen</translation>
  </message>
  <message>
   <source>Choose at least one volume in the section Inputs first</source>
   <translation>Zuerst im Abschnitt Eingaben mindestens ein Volumen wählen</translation>
  </message>
  <message>
   <source>Left unchosen, because they seem to be of another patient or examination: {names}. If they belong together, choose them yourself</source>
   <translation>Nicht gewählt, weil sie anscheinend von einem anderen Patienten oder einer anderen Untersuchung sind: {names}. Gehören sie zusammen, wählen Sie sie selbst</translation>
  </message>
  <message>
   <source>No volume was recognised: load volumes (File, Add data), or choose them yourself</source>
   <translation>Kein Volumen wurde erkannt: Volumen laden (Datei, Daten hinzufügen) oder selbst auswählen</translation>
  </message>
  <message>
   <source>these volumes cannot be used as they are: those chosen before stay in use</source>
   <translation>diese Volumen sind so nicht verwendbar: die zuvor gewählten bleiben in Gebrauch</translation>
  </message>
  <message>
   <source>Load a patient's MR volumes. Each selector may stay empty, but for one.</source>
   <translation>MR-Volumen eines Patienten laden. Bis auf eine darf jede Auswahl leer bleiben.</translation>
  </message>
  <message>
   <source>Other volumes have come: Guess again goes on to them</source>
   <translation>Andere Volumen sind hinzugekommen: „Neu erraten“ geht zu ihnen weiter</translation>
  </message>
  <message>
   <source>{tip}

Please check this one: {reason}.</source>
   <translation>{tip}

Bitte prüfen: {reason}.</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.messages</name>
  <message>
   <source>Ready</source>
   <translation>Bereit</translation>
  </message>
  <message>
   <source>, about {minutes} min left</source>
   <translation>, noch etwa {minutes} min</translation>
  </message>
  <message>
   <source>, about {seconds} s left</source>
   <translation>, noch etwa {seconds} s</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.model</name>
  <message>
   <source>Folder with the wheels (.whl files)</source>
   <translation>Ordner mit den Wheels (.whl-Dateien)</translation>
  </message>
  <message>
   <source>Weights file</source>
   <translation>Gewichtsdatei</translation>
  </message>
  <message>
   <source>automatic: the fastest that works</source>
   <translation>automatisch: das schnellste, das funktioniert</translation>
  </message>
  <message>
   <source>looking for devices</source>
   <translation>Geräte werden gesucht</translation>
  </message>
  <message>
   <source>All that is needed is installed.</source>
   <translation>Alles Nötige ist installiert.</translation>
  </message>
  <message>
   <source>All is installed</source>
   <translation>Alles ist installiert</translation>
  </message>
  <message>
   <source>Measured: {figures}.</source>
   <translation>Gemessen: {figures}.</translation>
  </message>
  <message>
   <source>Trained on {cases}.</source>
   <translation>Trainiert mit {cases}.</translation>
  </message>
  <message>
   <source>Install for GliomaSAM</source>
   <translation>Für GliomaSAM installieren</translation>
  </message>
  <message>
   <source>checking the weights</source>
   <translation>Gewichte werden geprüft</translation>
  </message>
  <message>
   <source>The weights of {name} can be used now</source>
   <translation>Die Gewichte von {name} sind jetzt verwendbar</translation>
  </message>
  <message>
   <source>{title}: {free:.1f} of {total:.1f} GB free</source>
   <translation>{title}: {free:.1f} von {total:.1f} GB frei</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.panel</name>
  <message>
   <source>Something is not installed yet: see Model and device below</source>
   <translation>Etwas ist noch nicht installiert: siehe unten Modell und Gerät</translation>
  </message>
  <message>
   <source>Two visits are shown side by side: press Side by side again to work on one</source>
   <translation>Zwei Untersuchungen sind nebeneinander zu sehen: Drücken Sie noch einmal Nebeneinander, um an einer zu arbeiten</translation>
  </message>
  <message>
   <source>An unexpected error ({error}): save your work; more is in the error log</source>
   <translation>Unerwarteter Fehler ({error}): bitte die Arbeit sichern; mehr steht im Fehlerprotokoll</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.parameters</name>
  <message>
   <source>find out whether it is there</source>
   <translation>herausfinden, ob er da ist</translation>
  </message>
  <message>
   <source>is there: take it off</source>
   <translation>ist da: entfernen</translation>
  </message>
  <message>
   <source>is gone, or leave it on</source>
   <translation>ist entfernt, oder so lassen</translation>
  </message>
  <message>
   <source>Whole tumour</source>
   <translation>Gesamter Tumor</translation>
  </message>
  <message>
   <source>Tumour core</source>
   <translation>Tumorkern</translation>
  </message>
  <message>
   <source>Enhancing tumour</source>
   <translation>Anreichernder Tumor</translation>
  </message>
  <message>
   <source>nested: whole, core, enhancing</source>
   <translation>ineinander: gesamt, Kern, anreichernd</translation>
  </message>
  <message>
   <source>disjoint: oedema, core, enhancing</source>
   <translation>getrennt: Ödem, Kern, anreichernd</translation>
  </message>
  <message>
   <source>one of your own: any lesion</source>
   <translation>ein eigenes: beliebige Läsion</translation>
  </message>
  <message>
   <source>are never changed</source>
   <translation>werden nie geändert</translation>
  </message>
  <message>
   <source>give way where visible</source>
   <translation>weichen, wo sichtbar</translation>
  </message>
  <message>
   <source>always give way</source>
   <translation>weichen immer</translation>
  </message>
  <message>
   <source>enhances</source>
   <translation>reichert an</translation>
  </message>
  <message>
   <source>does not enhance</source>
   <translation>reichert nicht an</translation>
  </message>
  <message>
   <source>both are judged</source>
   <translation>beides wird beurteilt</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.prompts</name>
  <message>
   <source>Prompts</source>
   <translation>Hinweise</translation>
  </message>
  <message>
   <source>Prompts ({count})</source>
   <translation>Hinweise ({count})</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.results</name>
  <message>
   <source>Resection cavity: {volume} mL, in no tumour volume</source>
   <translation>Resektionshöhle: {volume} mL, in keinem Tumorvolumen</translation>
  </message>
  <message>
   <source>measuring</source>
   <translation>messen</translation>
  </message>
  <message>
   <source>Save the results</source>
   <translation>Ergebnisse sichern</translation>
  </message>
  <message>
   <source>Export a label map</source>
   <translation>Labelkarte exportieren</translation>
  </message>
  <message>
   <source>Export the segmentation</source>
   <translation>Segmentierung exportieren</translation>
  </message>
  <message>
   <source>{done}. The last prompt was not answered: this is the outline before it</source>
   <translation>{done}. Die letzte Eingabe wurde nicht beantwortet: dies ist der Umriss davor</translation>
  </message>
  <message>
   <source>The volumes are still being read: try again when the table is filled</source>
   <translation>Die Volumen werden noch gelesen: erneut versuchen, sobald die Tabelle gefüllt ist</translation>
  </message>
  <message>
   <source>The last prompt is being answered: try again when the outline is shown</source>
   <translation>Die letzte Eingabe wird noch beantwortet: erneut versuchen, sobald der Umriss zu sehen ist</translation>
  </message>
  <message>
   <source>The table is on the clipboard</source>
   <translation>Die Tabelle ist in der Zwischenablage</translation>
  </message>
  <message>
   <source>Saved: {name}</source>
   <translation>Gesichert: {name}</translation>
  </message>
  <message>
   <source>No uncertain place is left outside existing prompts</source>
   <translation>Außerhalb der vorhandenen Hinweise ist keine unsichere Stelle mehr</translation>
  </message>
  <message>
   <source>There is no result yet: click the tumour, or press Propose</source>
   <translation>Noch kein Ergebnis: in den Tumor klicken oder Vorschlagen drücken</translation>
  </message>
  <message>
   <source>No tumour was found: press Inside and click it</source>
   <translation>Es wurde kein Tumor gefunden: „Innen“ drücken und ihn anklicken</translation>
  </message>
  <message>
   <source>{name} results</source>
   <translation>{name} Ergebnisse</translation>
  </message>
  <message>
   <source>The table {name} is in the scene</source>
   <translation>Die Tabelle {name} ist in der Szene</translation>
  </message>
  <message>
   <source>{name} is there already: choose it by its whole name to replace it</source>
   <translation>{name} gibt es schon: zum Ersetzen mit ganzem Namen wählen</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.segments</name>
  <message>
   <source>The volumes of {before} are gone: {name}, which was made on those chosen, is shown</source>
   <translation>Die Volumen von {before} sind nicht mehr da: {name}, auf den gewählten erstellt, wird gezeigt</translation>
  </message>
  <message>
   <source>The volumes of {before} are gone: results go to {name}, which is new; choose {before} to go on there</source>
   <translation>Die Volumen von {before} sind nicht mehr da: Ergebnisse kommen in {name}, neu angelegt; wählen Sie {before}, um dort weiterzumachen</translation>
  </message>
  <message>
   <source>a new one</source>
   <translation>eine neue</translation>
  </message>
  <message>
   <source>This is another examination: {name}, which was made on it, is shown; {before} stays as it is</source>
   <translation>Dies ist eine andere Untersuchung: {name}, dazu erstellt, wird gezeigt; {before} bleibt, wie es ist</translation>
  </message>
  <message>
   <source>This is another examination: its results go to {name}, which is new; {before} stays as it is</source>
   <translation>Dies ist eine andere Untersuchung: Ihre Ergebnisse kommen in {name}, neu angelegt; {before} bleibt, wie es ist</translation>
  </message>
  <message>
   <source>This is another patient: {name}, which was made on these volumes, is shown; {before} stays</source>
   <translation>Dies ist ein anderer Patient: {name}, auf diesen Volumen entstanden, wird gezeigt; {before} bleibt</translation>
  </message>
  <message>
   <source>This is another patient: results go to {name}, which is new; {before} stays as it is</source>
   <translation>Dies ist ein anderer Patient: Ergebnisse gehen nach {name}, das neu ist; {before} bleibt, wie es ist</translation>
  </message>
  <message>
   <source>Glioma</source>
   <translation>Gliom</translation>
  </message>
 </context>
</TS>
